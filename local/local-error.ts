// What a person is told when the embedded servers cannot be had.

/** A fact and the way out, for a person; `code` for programs. */
export class LocalError extends Error {
  readonly code: LocalErrorCode;
  constructor(code: LocalErrorCode, message: string) {
    super(message);
    this.name = 'LocalError';
    this.code = code;
  }
}

export type LocalErrorCode =
  | 'temporal_not_found'
  | 'temporal_version'
  | 'database_version'
  | 'port_in_use'
  | 'not_built'
  | 'python_not_found'
  | 'not_ready'
  | 'tls'
  | 'codec'
  | 'payload_unreadable'
  | 'unreachable';

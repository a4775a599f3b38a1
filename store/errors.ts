// The one error of the store: a failure class and a message for the person who reads it.
import type { FailureClass } from '../schemas/generated/plan.js';
import { diskText } from './disk-space.js';

/** Thrown by everything in store/. `failureClass` is one of schemas/failure-classes.json. */
export class StoreError extends Error {
  readonly failureClass: FailureClass;
  constructor(failureClass: FailureClass, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.failureClass = failureClass;
  }
}

/** The code of a failed system call ('ENOENT', …); null for any other error. Pure. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}

/**
 * A failed system call as the StoreError `store_unavailable`: what was tried, where, and the way out; of a full disk also
 * how much is free.
 * A StoreError passes unchanged; an error without a system code is a bug and passes unchanged too.
 */
export function unavailable(error: unknown, action: 'read' | 'write' | 'list' | 'remove', path: string): unknown {
  const code = systemCode(error);
  if (error instanceof StoreError || code === null) return error;
  return new StoreError(
    'store_unavailable',
    `Cannot ${action} ${path}: ${wayOut(code)} (${code}).${isFull(code) ? ` ${diskText(path)}` : ''}`,
    {
      cause: error,
    },
  );
}

/** Whether a system call failed because no room is left. Pure. */
export const isFull = (code: string | null): boolean => code === 'ENOSPC' || code === 'EDQUOT';

function wayOut(code: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full. Free some space there, or point `store` in temporal.config.ts at a folder with room; what is committed stays';
    case 'EFBIG':
      return 'the file is larger than this process may write. Raise the limit (`ulimit -f`) or use another file system';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied. Give the user that runs Pawl read and write access to the store';
    case 'EROFS':
      return 'the file system is read-only. Mount it writable, or point `store` in temporal.config.ts elsewhere';
    case 'EIO':
      return 'the disk reported a fault. Check its health before you go on';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit (`ulimit -n`)';
    case 'ENOENT':
      return 'it is not there. Was the store moved or removed while it was in use?';
    case 'ENOTDIR':
    case 'EISDIR':
      return 'a file stands where a folder is expected, or a folder where a file is. Is this folder used by something else, too?';
    default:
      return 'the system refused. Is the disk there and mounted?';
  }
}

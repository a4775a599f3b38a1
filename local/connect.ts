// Connects to the Temporal server of a configuration, or says in seconds why that cannot be.
import { Connection } from '@temporalio/client';
import type { TemporalConfig } from '../schemas/config.js';
import { temporalAddress } from './addresses.js';
import { connectionOptions, type ConnectionOptions } from './connection-options.js';
import { LocalError } from './local-error.js';
import { refusalOf, type Refusal } from './probe-endpoint.js';

/**
 * A connection; the caller closes it. Fails with `unreachable` within `timeoutMs`, or with `tls`. `once`: a call is not tried
 * again, so that it says what is there now, and none is begun when the connection has been closed.
 */
export async function connectTemporal(
  config: TemporalConfig,
  timeoutMs = 5_000,
  calls: 'tried again' | 'once' = 'tried again',
): Promise<Connection> {
  const options = await reachable(config, timeoutMs);
  try {
    const interceptors = calls === 'once' ? { interceptors: [] } : {};
    return await Connection.connect({ ...options, ...interceptors, connectTimeout: timeoutMs });
  } catch (error) {
    throw unreachable(config, refusalByServer(error));
  }
}

/** What to connect with, after a look at whether something speaks there. Fails with `unreachable` or `tls`. */
export async function reachable(config: TemporalConfig, timeoutMs = 5_000): Promise<ConnectionOptions> {
  const options = connectionOptions(config);
  const refusal = await refusalOf(options, timeoutMs);
  if (refusal !== null) throw unreachable(config, refusal);
  return options;
}

/** The error for a server that refuses: the fact and the way out. Pure. */
export function unreachable(config: TemporalConfig, { reason, wayOut }: Refusal): LocalError {
  const byDefault =
    config.temporal.address === null
      ? 'Start it with `pawl up`, or look at `pawl ps`.'
      : 'TEMPORAL_ADDRESS names this server. Start it, correct the address (host:port), or unset TEMPORAL_ADDRESS to use the embedded server.';
  return new LocalError(
    'unreachable',
    `No Temporal server answers at ${temporalAddress(config)}: ${reason}.\n${wayOut ?? byDefault}`,
  );
}

/** What the server or the SDK says when something speaks there. Pure. */
export function refusalByServer(error: unknown): Refusal {
  const said = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const text = said instanceof Error ? said.message : String(said);
  const message = /message: "([^"]+)"/.exec(text)?.[1] ?? text;
  if (/unauthenticated|unauthorized|authentication credentials/i.test(text) || codeOf(said) === 16)
    return {
      reason: `it does not accept who asks (${message})`,
      wayOut: 'Set TEMPORAL_API_KEY to a key of this server that has not expired.',
    };
  if (/permission.?denied/i.test(text) || codeOf(said) === 7)
    return {
      reason: `it refuses (${message})`,
      wayOut: 'Give the API key or the certificate access to the namespace (TEMPORAL_NAMESPACE).',
    };
  return {
    reason: /deadline|connect/i.test(message)
      ? `something listens there, but not a Temporal server (${message})`
      : message,
    wayOut: null,
  };
}

const codeOf = (error: unknown): number | undefined => (error as { code?: number }).code;

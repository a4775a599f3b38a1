// Connects to the Temporal server of a configuration, or says in seconds why that cannot be.
import { connect as connectSocket } from 'node:net';
import { Connection } from '@temporalio/client';
import type { TemporalConfig } from '../schemas/config.js';
import { temporalAddress } from './addresses.js';
import { LocalError } from './local-error.js';

/** A connection; the caller closes it. Fails with `unreachable` within `timeoutMs`. */
export async function connectTemporal(config: TemporalConfig, timeoutMs = 5_000): Promise<Connection> {
  const address = temporalAddress(config);
  // A closed port answers at once when asked plainly; the gRPC channel would go on trying until its time is up.
  const refused = config.temporal.tls ? null : await refusalOf(address, timeoutMs);
  if (refused !== null) throw unreachable(config, address, refused);
  try {
    return await Connection.connect({
      address,
      connectTimeout: timeoutMs,
      ...(config.temporal.tls ? { tls: true } : {}),
      ...(config.temporal.apiKey === null ? {} : { apiKey: config.temporal.apiKey }),
    });
  } catch (error) {
    throw unreachable(config, address, reasonOf(error));
  }
}

function unreachable(config: TemporalConfig, address: string, reason: string): LocalError {
  const wayOut =
    config.temporal.address === null
      ? 'Start it with `pawl up`, or look at `pawl ps`.'
      : 'TEMPORAL_ADDRESS names this server. Start it, correct the address (host:port), or unset TEMPORAL_ADDRESS to use the embedded server.';
  return new LocalError('unreachable', `No Temporal server answers at ${address}: ${reason}.\n${wayOut}`);
}

function refusalOf(address: string, timeoutMs: number): Promise<string | null> {
  const split = address.lastIndexOf(':');
  const port = Number(address.slice(split + 1));
  if (split < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return Promise.resolve('this is not host:port, such as temporal.example.com:7233');
  }
  return new Promise((resolve) => {
    const socket = connectSocket({ host: address.slice(0, split).replace(/^\[|\]$/g, ''), port });
    const end = (answer: string | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end(`no answer within ${timeoutMs / 1000} s`));
    socket.once('connect', () => end(null));
    socket.once('error', (error: NodeJS.ErrnoException) => end(socketReason(error)));
  });
}

function socketReason(error: NodeJS.ErrnoException): string {
  if (error.code === 'ECONNREFUSED') return 'the connection is refused, nothing listens there';
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN') return 'the host name is not known';
  return error.code ?? error.message;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return /deadline|connect/i.test(error.message)
    ? `something listens there, but not a Temporal server (${error.message})`
    : error.message;
}

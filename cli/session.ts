// A connection to the Temporal server of the configuration.
import { Client, type Connection } from '@temporalio/client';
import { connectTemporal } from '../local/connect.js';
import { payloadCodecOf } from '../local/payload-codec.js';
import type { TemporalConfig } from '../schemas/config.js';

export interface Session {
  config: TemporalConfig;
  connection: Connection;
  client: Client;
  /** Runs calls that must answer within `ms`. */
  within<T>(ms: number, work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Fails with LocalError: `unreachable` within seconds, `tls` or `codec`. */
export async function openSession(config: TemporalConfig): Promise<Session> {
  const dataConverter = { payloadCodecs: [await payloadCodecOf(config)] };
  const connection = await connectTemporal(config);
  const client = new Client({ connection, namespace: config.temporal.namespace, dataConverter });
  return {
    config,
    connection,
    client,
    within: (ms, work) => connection.withDeadline(Date.now() + ms, work),
    close: () => connection.close(),
  };
}

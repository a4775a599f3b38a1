// pawl doctor: the Temporal server, its namespace and search attributes, its clock, and who polls the queues.
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { temporalAddress } from '../../local/addresses.js';
import { connectTemporal } from '../../local/connect.js';
import { missingSearchAttributes } from '../../local/namespace.js';
import { pollersOf } from '../../local/pollers.js';
import type { TemporalConfig } from '../../schemas/config.js';
import { searchAttributes } from '../../schemas/search-attributes.js';
import { kindsOf } from '../../worker/kinds.js';
import { failure, ok, fail, warn, type Finding } from './finding.js';
import { skewFinding } from './store.js';

const connectMs = 5_000;
const callMs = 5_000;
/** A worker's poll is open for a minute: one not seen for longer is gone, or all its slots are busy. */
const goneAfterMs = 75_000;

/** Everything that the server tells. Connects and closes. */
export async function checkTemporal(config: TemporalConfig): Promise<Finding[]> {
  let connection: Connection;
  try {
    connection = await connectTemporal(config, connectMs, 'once');
  } catch (error) {
    return [failure('Temporal', error)];
  }
  const call = <T>(work: () => Promise<T>): Promise<T> => connection.withDeadline(Date.now() + callMs, work);
  const guarded = async (check: string, work: () => Promise<Finding[]>): Promise<Finding[]> =>
    work().catch((error: unknown) => [failure(check, error)]);
  try {
    return [
      ...(await guarded('Temporal', () => serverOf(connection, config, call))),
      ...(await guarded('namespace', () => namespaceOf(connection, config, call))),
      ...(await attributesOf(connection, config, call)),
      ...(await guarded('queues', () => queuesOf(connection, config, call))),
      ...(await clockOf(connection, config)),
    ];
  } finally {
    await connection.close().catch(() => undefined);
  }
}

type Call = <T>(work: () => Promise<T>) => Promise<T>;

async function serverOf(connection: Connection, config: TemporalConfig, call: Call): Promise<Finding[]> {
  const startedMs = Date.now();
  const { serverVersion } = await call(() => connection.workflowService.getSystemInfo({}));
  const { apiKey, tls } = config.temporal;
  const how = [...(tls === false ? [] : ['TLS']), ...(apiKey === null ? [] : ['API key'])].join(', ');
  const fact = `${temporalAddress(config)}, server ${serverVersion}${how === '' ? '' : `, ${how}`} (${Date.now() - startedMs} ms)`;
  return [ok('Temporal', fact)];
}

async function namespaceOf(connection: Connection, config: TemporalConfig, call: Call): Promise<Finding[]> {
  const { namespace } = config.temporal;
  try {
    const found = await call(() => connection.workflowService.describeNamespace({ namespace }));
    const days = Math.round(Number(found.config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400);
    return [ok('namespace', `${namespace}, keeps ended runs for ${days} days`)];
  } catch (error) {
    if ((error as { code?: number }).code !== notFound) throw error;
    return [
      fail(
        'namespace',
        `the server has no namespace ${namespace}`,
        `Correct TEMPORAL_NAMESPACE, or make it: \`temporal operator namespace create -n ${namespace}\`.`,
      ),
    ];
  }
}

/** gRPC status. */
const notFound = 5;

async function attributesOf(connection: Connection, config: TemporalConfig, call: Call): Promise<Finding[]> {
  const { namespace } = config.temporal;
  const check = 'search attributes';
  try {
    const missing = await call(() => missingSearchAttributes(connection, namespace));
    if (missing.length === 0) return [ok(check, `all ${Object.keys(searchAttributes).length} are registered`)];
    return [
      warn(
        check,
        `${missing.join(', ')} missing: runs go without, and cannot be found by them in the Temporal UI`,
        'The next `pawl run` registers them where it may. Else whoever runs the server: `temporal operator search-attribute create --name NAME --type TYPE`, as docs/operating.md lists them.',
      ),
    ];
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return [
      warn(
        check,
        `the server does not tell them (${said}): runs go without`,
        'Nothing to do: only the search in the Temporal UI lacks them.',
      ),
    ];
  }
}

interface Served {
  queue: string;
  type: 'workflow' | 'activity';
  kinds: string[];
}

async function queuesOf(connection: Connection, config: TemporalConfig, call: Call): Promise<Finding[]> {
  const { declarations } = kindsOf(config);
  const kinds = (runs: string): string[] =>
    Object.values(declarations)
      .filter((kind) => kind.runs === runs)
      .map(({ kind }) => kind);
  const served: Served[] = [
    { queue: config.workflowQueue, type: 'workflow', kinds: kinds('worker') },
    ...config.trainers.map(({ queue }): Served => ({ queue, type: 'activity', kinds: kinds('trainer') })),
  ];
  return Promise.all(
    served.map(async ({ queue, type, kinds }) => {
      const pollers = await call(() => pollersOf(connection, config.temporal.namespace, queue, type));
      const recent = pollers.filter(({ lastSeenMs }) => Date.now() - lastSeenMs < goneAfterMs);
      const check = `queue ${queue}`;
      const who = [...new Set(recent.map(({ identity }) => identity))].join(', ');
      if (recent.length > 0) return ok(check, `polled by ${who}; serves ${kinds.join(', ')}`);
      const start = '`pawl up` starts a worker here; on another machine `node dist/worker/main.js` does.';
      if (type === 'workflow')
        return fail(check, `nobody polls it: no run goes on, nobody serves ${kinds.join(', ')}`, start);
      return warn(
        check,
        `nobody asks it for work: steps keep each worker busy, or nobody serves ${kinds.join(', ')}`,
        start,
      );
    }),
  );
}

const clockWaitMs = 3_000;

/**
 * The server's clock, from when it saw a poll of ours on a queue that nobody else uses: there is no call that tells the time,
 * and this one leaves nothing behind.
 */
async function clockOf(connection: Connection, config: TemporalConfig): Promise<Finding[]> {
  const { namespace } = config.temporal;
  const queue = `pawl-doctor-${randomUUID()}`;
  const check = 'clock of Temporal';
  const sentMs = Date.now();
  const enough = new AbortController();
  const poll = connection.withAbortSignal(enough.signal, () =>
    connection.withDeadline(sentMs + clockWaitMs, () =>
      connection.workflowService.pollActivityTaskQueue({
        namespace,
        identity: 'pawl doctor',
        taskQueue: { name: queue },
      }),
    ),
  );
  const ended = poll.catch(() => undefined);
  try {
    while (Date.now() - sentMs < clockWaitMs) {
      const [poller] = await connection.withDeadline(Date.now() + callMs, () =>
        pollersOf(connection, namespace, queue, 'activity'),
      );
      const span = Date.now() - sentMs;
      if (poller !== undefined) return [skewFinding(check, poller.lastSeenMs - (sentMs + span / 2), span / 2)];
      await sleep(20);
    }
  } catch {
    // Said below.
  } finally {
    enough.abort();
    await ended;
  }
  return [ok(check, 'not told by this server')];
}

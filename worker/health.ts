// Whether a worker can take steps now: it polls all its queues, and Temporal and the store answer.
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { ObjectStore } from '../store/store.js';
import type { Health } from './operations-server.js';

const patienceMs = 3_000;

/** Asks Temporal, and writes a small object into the store; answers within three seconds. A slot that is busy counts as polling. */
export async function healthOf(
  workers: readonly Worker[],
  connection: NativeConnection,
  store: ObjectStore,
): Promise<Health> {
  const [temporal, kept] = await Promise.all([
    problemOf(() => connection.workflowService.getSystemInfo({})),
    problemOf(() => store.put('doctor/ready', '')),
  ]);
  const queues = Object.fromEntries(workers.map((worker) => [worker.options.taskQueue, polls(worker)]));
  return {
    ready: temporal === null && kept === null && !Object.values(queues).includes(false),
    queues,
    temporal,
    store: kept,
  };
}

function polls(worker: Worker): boolean {
  const { runState, activityPollerState } = worker.getStatus();
  return runState === 'RUNNING' && activityPollerState === 'POLLING';
}

/** Null when it answers in time. */
async function problemOf(work: () => Promise<unknown>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${patienceMs / 1000} s`), patienceMs);
  });
  try {
    return await Promise.race([work().then(() => null), late]);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

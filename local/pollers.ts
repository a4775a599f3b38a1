// Who polls a task queue.
import type { Connection } from '@temporalio/client';

export interface Poller {
  identity: string;
  /** Milliseconds since the epoch. */
  lastSeenMs: number;
}

/** TaskQueueType of Temporal's API. */
const queueType = { workflow: 1, activity: 2 } as const;

/** The pollers that the server has seen in the last minutes, also of workers that have gone since. */
export async function pollersOf(
  connection: Connection,
  namespace: string,
  queue: string,
  kind: keyof typeof queueType,
): Promise<Poller[]> {
  const answer = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum's package is not a dependency of ours
    taskQueueType: queueType[kind],
  });
  return answer.pollers.map((poller) => ({
    identity: poller.identity ?? '',
    lastSeenMs: Number(poller.lastAccessTime?.seconds ?? 0) * 1000 + (poller.lastAccessTime?.nanos ?? 0) / 1e6,
  }));
}

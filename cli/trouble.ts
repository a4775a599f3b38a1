// What keeps a run from going on, said within ten seconds: nobody polls a queue, or a workflow task fails.
import { pollersOf } from '../local/pollers.js';
import type { RunLook, WorkflowLook } from './look.js';
import type { Session } from './session.js';

/** A queue polls for a minute at a time: a poller not seen for longer is gone. */
const goneAfterMs = 75_000;
const patienceMs = 4_000;

/** A function that is given each look and returns what is wrong; each trouble is said once until it is over. */
export function createTroubleWatch(session: Session): (look: RunLook, nowMs: number) => Promise<string[]> {
  const said = new Set<string>();
  return async (look, nowMs) => {
    const troubles = [
      ...(await idleQueues(session, look, nowMs)),
      ...(await Promise.all([look.root, ...look.loops].map((one) => failingTask(session, one)))).flat(),
    ];
    const current = new Set(troubles.map(({ id }) => id));
    for (const id of said) if (!current.has(id)) said.delete(id);
    const fresh = troubles.filter(({ id }) => !said.has(id));
    for (const { id } of fresh) said.add(id);
    return fresh.map(({ text }) => text);
  };
}

interface Trouble {
  id: string;
  text: string;
}

async function idleQueues(session: Session, look: RunLook, nowMs: number): Promise<Trouble[]> {
  const all = [look.root, ...look.loops];
  const isTaskWaiting = all.some(({ task }) => task !== null && !task.isStarted && nowMs - task.sinceMs > patienceMs);
  const isStepWaiting = all.some(({ pending }) =>
    pending.some((step) => !step.isStarted && nowMs - step.scheduledMs > patienceMs),
  );
  if (!isTaskWaiting && !isStepWaiting) return [];
  const { config } = session;
  const queues = [
    { queue: config.workflowQueue, kind: 'workflow' as const, concerns: isTaskWaiting },
    { queue: config.workflowQueue, kind: 'activity' as const, concerns: isStepWaiting },
    ...config.trainers.map(({ queue }) => ({ queue, kind: 'activity' as const, concerns: isStepWaiting })),
  ].filter(({ concerns }) => concerns);
  const troubles = await Promise.all(
    queues.map(async ({ queue, kind }): Promise<Trouble[]> => {
      const pollers = await session.within(5_000, () =>
        pollersOf(session.connection, config.temporal.namespace, queue, kind),
      );
      if (pollers.some(({ lastSeenMs }) => nowMs - lastSeenMs < goneAfterMs)) return [];
      return [
        {
          id: `queue ${queue}`,
          text: `no worker polls the queue \`${queue}\`: the run waits. \`pawl up\` starts a worker here, \`pawl ps\` shows its log.`,
        },
      ];
    }),
  );
  return [...new Map(troubles.flat().map((trouble) => [trouble.id, trouble])).values()];
}

async function failingTask(session: Session, look: WorkflowLook): Promise<Trouble[]> {
  if (look.task === null || look.task.attempt < 2 || look.state !== 'RUNNING') return [];
  const cause = await lastTaskFailure(session, look).catch(() => null);
  return [
    {
      id: `task ${look.workflowId} ${cause ?? ''}`,
      text: [
        `the workflow ${look.workflowId} cannot go on: its task fails (attempt ${look.task.attempt})${cause === null ? '' : `: ${cause}`}`,
        'It is tried again until a worker that can do it is there: is the worker of the same version as the one that began the run? `pawl ps` shows its log.',
      ].join('\n'),
    },
  ];
}

/** Message of the newest failure of a workflow task; null when there is none among the last events. */
async function lastTaskFailure(session: Session, look: WorkflowLook): Promise<string | null> {
  const { history } = await session.within(5_000, () =>
    session.connection.workflowService.getWorkflowExecutionHistoryReverse({
      namespace: session.config.temporal.namespace,
      execution: { workflowId: look.workflowId, runId: look.runId },
      maximumPageSize: 20,
    }),
  );
  for (const event of history?.events ?? []) {
    const failed = event.workflowTaskFailedEventAttributes;
    if (failed != null) return failed.failure?.message ?? `cause ${String(failed.cause)}`;
  }
  return null;
}

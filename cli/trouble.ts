// What keeps a run from going on, said within ten seconds: nobody polls a queue, or a workflow task fails.
import { pollersOf } from '../local/pollers.js';
import type { RunLook, WorkflowLook } from './look.js';
import { messageOf } from './payloads.js';
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

/** A queue on which this run waits, and since when. */
interface Wait {
  queue: string;
  kind: 'workflow' | 'activity';
  sinceMs: number;
}

async function idleQueues(session: Session, look: RunLook, nowMs: number): Promise<Trouble[]> {
  const { config } = session;
  const waits = waitsOf(session, look).filter(({ sinceMs }) => nowMs - sinceMs > patienceMs);
  const troubles = await Promise.all(
    waits.map(async ({ queue, kind, sinceMs }): Promise<Trouble[]> => {
      const pollers = await session.within(5_000, () =>
        pollersOf(session.connection, config.temporal.namespace, queue, kind),
      );
      // An open poll gets a waiting workflow task at once, and then its worker asks again: who has not is gone.
      const recent = pollers.filter(({ lastSeenMs }) => nowMs - lastSeenMs < goneAfterMs);
      if (recent.some(({ lastSeenMs }) => kind === 'activity' || lastSeenMs > sinceMs)) return [];
      const isBusy = kind === 'activity' && look.root.answers;
      return [{ id: `queue ${queue}`, text: isBusy ? busyText(queue) : idleText(queue) }];
    }),
  );
  return [...new Map(troubles.flat().map((trouble) => [trouble.id, trouble])).values()];
}

function waitsOf({ config }: Session, look: RunLook): Wait[] {
  const all = [look.root, ...look.loops];
  const tasks = all.flatMap(({ task }) => (task === null || task.isStarted ? [] : [task.sinceMs]));
  const steps = all.flatMap(({ pending }) =>
    pending.filter(({ isStarted }) => !isStarted).map(({ scheduledMs }) => scheduledMs),
  );
  const on = (queue: string, kind: Wait['kind'], since: number[]): Wait[] =>
    since.length === 0 ? [] : [{ queue, kind, sinceMs: Math.min(...since) }];
  return [
    ...on(config.workflowQueue, 'workflow', tasks),
    ...[config.workflowQueue, ...config.trainers.map(({ queue }) => queue)].flatMap((queue) =>
      on(queue, 'activity', steps),
    ),
  ];
}

const idleText = (queue: string): string =>
  `no worker polls the queue \`${queue}\`: the run waits. \`pawl up\` starts a worker here, \`pawl ps\` shows its log.`;

/** A worker without a free slot does not poll: a silent queue does not tell whether it is served. */
const busyText = (queue: string): string =>
  `no worker asks the queue \`${queue}\` for work: none serves it, or other runs keep each busy. The run waits; \`pawl ps\` shows the workers here.`;

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
    if (failed == null) continue;
    return failed.failure == null ? `cause ${String(failed.cause)}` : messageOf(session, failed.failure);
  }
  return null;
}

// One look at a run: the server's description and the answers of its workflows to the query `status`.
import type { Payload } from '@temporalio/common';
import type { PulseDetails } from '../activities/pulse.js';
import { LocalError } from '../local/local-error.js';
import { queries } from '../workflows/control-names.js';
import type { StatusView } from '../workflows/status.js';
import { firstValue, messageOf, type RawFailure } from './payloads.js';
import type { Session } from './session.js';

export interface PendingStep {
  path: string;
  kind: string;
  attempt: number;
  isStarted: boolean;
  scheduledMs: number;
  pulse: PulseDetails | null;
  /** Class and message of the failure before this attempt. */
  lastFailure: { type: string; message: string } | null;
}

export interface WorkflowLook {
  workflowId: string;
  runId: string;
  /** RUNNING, COMPLETED, FAILED, CANCELLED, TERMINATED, … */
  state: string;
  /** The last answer; null while no worker has ever answered. */
  status: StatusView | null;
  /** Whether a worker has answered this time. */
  answers: boolean;
  pending: PendingStep[];
  /** A workflow task that waits or is tried again; null when there is none. */
  task: { attempt: number; isStarted: boolean; sinceMs: number } | null;
  firstRunId: string;
}

export interface RunLook {
  root: WorkflowLook;
  loops: WorkflowLook[];
}

/** Looks at the root and the workflows of its running loops. Fails when the server cannot be reached. */
export async function lookAt(session: Session, workflowId: string, known?: RunLook): Promise<RunLook> {
  const root = await lookAtOne(session, workflowId, known?.root.status ?? null);
  const loops: WorkflowLook[] = [];
  const waiting = [...(root.status?.loops ?? [])];
  for (let loop = waiting.shift(); loop !== undefined; loop = waiting.shift()) {
    if (loop.state !== 'running' || root.state !== 'RUNNING') continue;
    const id = loop.workflowId;
    const before = known?.loops.find((one) => one.workflowId === id)?.status ?? null;
    const look = await lookAtOne(session, id, before).catch(() => null);
    if (look === null) continue;
    loops.push(look);
    waiting.push(...(look.status?.loops ?? []));
  }
  return { root, loops };
}

async function lookAtOne(session: Session, workflowId: string, before: StatusView | null): Promise<WorkflowLook> {
  const handle = session.client.workflow.getHandle(workflowId);
  const [description, status] = await Promise.all([
    session.within(10_000, () => handle.describe()),
    // Without a worker nobody answers; the description tells why.
    session.within(3_000, () => handle.query<StatusView>(queries.status)).catch(unlessUnreadable),
  ]);
  const { raw } = description;
  const task = raw.pendingWorkflowTask;
  return {
    workflowId,
    runId: description.runId,
    firstRunId: raw.workflowExecutionInfo?.firstRunId ?? description.runId,
    state: description.status.name,
    status: status ?? before,
    answers: status !== null,
    pending: await Promise.all(
      (raw.pendingActivities ?? []).map(async (activity) => ({
        path: activity.activityId ?? '',
        kind: activity.activityType?.name ?? '',
        attempt: activity.attempt ?? 1,
        isStarted: Number(activity.state) === 2,
        scheduledMs: msOf(activity.scheduledTime),
        pulse: await pulseOf(session, activity.heartbeatDetails?.payloads),
        lastFailure: await failureOf(session, activity.lastFailure),
      })),
    ),
    task:
      task == null
        ? null
        : {
            attempt: task.attempt ?? 1,
            isStarted: Number(task.state) === 2,
            sinceMs: msOf(task.originalScheduledTime ?? task.scheduledTime),
          },
  };
}

/** Nobody answers; but an answer that cannot be read is told. */
function unlessUnreadable(error: unknown): null {
  if (error instanceof LocalError) throw error;
  return null;
}

async function pulseOf(session: Session, payloads: Payload[] | null | undefined): Promise<PulseDetails | null> {
  const value = await firstValue(session, payloads);
  return typeof value === 'object' ? (value as PulseDetails | null) : null;
}

async function failureOf(
  session: Session,
  failure: RawFailure | null | undefined,
): Promise<PendingStep['lastFailure']> {
  if (failure == null) return null;
  const type =
    failure.applicationFailureInfo?.type ?? (failure.timeoutFailureInfo == null ? 'internal' : 'worker_lost');
  return { type, message: await messageOf(session, failure) };
}

const msOf = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): number =>
  time == null ? 0 : Number(time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6;

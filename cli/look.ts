// One look at a run: the server's description and the answers of its workflows to the query `status`.
import { defaultPayloadConverter } from '@temporalio/common';
import type { PulseDetails } from '../activities/pulse.js';
import { queries } from '../workflows/control-names.js';
import type { StatusView } from '../workflows/status.js';
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
    session.within(3_000, () => handle.query<StatusView>(queries.status)).catch(() => null),
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
    pending: (raw.pendingActivities ?? []).map((activity) => ({
      path: activity.activityId ?? '',
      kind: activity.activityType?.name ?? '',
      attempt: activity.attempt ?? 1,
      isStarted: Number(activity.state) === 2,
      scheduledMs: msOf(activity.scheduledTime),
      pulse: pulseOf(activity.heartbeatDetails?.payloads?.[0]),
      lastFailure: failureOf(activity.lastFailure),
    })),
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

type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];

function pulseOf(payload: Payload | undefined): PulseDetails | null {
  if (payload === undefined) return null;
  try {
    const value = defaultPayloadConverter.fromPayload<PulseDetails | null>(payload);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

interface RawFailure {
  message?: string | null;
  cause?: RawFailure | null;
  applicationFailureInfo?: { type?: string | null } | null;
  timeoutFailureInfo?: unknown;
}

function failureOf(failure: RawFailure | null | undefined): PendingStep['lastFailure'] {
  if (failure == null) return null;
  const type =
    failure.applicationFailureInfo?.type ?? (failure.timeoutFailureInfo == null ? 'internal' : 'worker_lost');
  return { type, message: failure.message ?? '' };
}

const msOf = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): number =>
  time == null ? 0 : Number(time.seconds ?? 0) * 1000 + (time.nanos ?? 0) / 1e6;

// Follows a run to its end, line by line. Polls: the run does not know who looks.
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalError } from '../local/local-error.js';
import type { RunRecord } from '../schemas/generated/records.js';
import { readRun } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { lookAt, type RunLook } from './look.js';
import { clockTime } from './numbers.js';
import type { Output } from './output.js';
import { createProgress } from './progress.js';
import { summaryOf } from './run-end.js';
import type { Session } from './session.js';
import { exitCodeOf, summaryLines } from './summary.js';
import { createTroubleWatch } from './trouble.js';

export interface FollowOptions {
  workflowId: string;
  /** Time on the clock; Infinity = for ever. */
  deadlineMs: number;
  output: Output;
}

const pollMs = 400;
/** The worker answers each look: looking takes a twentieth of the time at most, and the end is seen within two seconds. */
const restPerLook = 19;
const longestRestMs = 2_000;
/** A server that is being restarted is back within this. */
const serverPatienceMs = 60_000;

/** Resolves with the exit status: that of the run, or `detached` on ctrl-C, or `waitTimedOut`. */
export async function follow(session: Session, store: ObjectStore, options: FollowOptions): Promise<number> {
  const { output, workflowId } = options;
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const look = await untilEnd(session, options, interrupt.signal);
    if (look === 'interrupted' || look === 'timed-out') return leave(output, workflowId, look);
    return await close(session, store, output, look);
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  }
}

async function untilEnd(
  session: Session,
  { workflowId, output, deadlineMs }: FollowOptions,
  interrupted: AbortSignal,
): Promise<RunLook | 'interrupted' | 'timed-out'> {
  const progress = createProgress();
  const trouble = createTroubleWatch(session);
  const width = { path: 0 };
  let look: RunLook | undefined;
  let lostSinceMs: number | null = null;
  for (;;) {
    const beganMs = Date.now();
    try {
      look = await lookAt(session, workflowId, look);
      if (lostSinceMs !== null) output.warn('the Temporal server answers again');
      lostSinceMs = null;
    } catch (error) {
      if (error instanceof LocalError) throw error; // not the server: an answer that cannot be read
      if (lostSinceMs === null) output.warn('the Temporal server does not answer; trying again');
      lostSinceMs ??= Date.now();
      if (Date.now() - lostSinceMs > serverPatienceMs) throw error;
    }
    if (interrupted.aborted) return 'interrupted';
    if (look !== undefined && lostSinceMs === null) {
      say(output, width, look, progress(look, Date.now()));
      if (look.root.state !== 'RUNNING' && look.root.state !== 'CONTINUED_AS_NEW') return look;
      for (const text of await trouble(look, Date.now()).catch(() => [])) output.warn(text);
    }
    const restMs = Math.min(longestRestMs, Math.max(pollMs, restPerLook * (Date.now() - beganMs)));
    if (Date.now() > deadlineMs) return 'timed-out';
    await sleep(restMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
}

function say(
  output: Output,
  width: { path: number },
  look: RunLook,
  lines: ReturnType<ReturnType<typeof createProgress>>,
): void {
  const startedAt = look.root.status?.startedAt ?? Date.now();
  width.path = Math.max(width.path, ...(look.root.status?.steps ?? []).map(({ path }) => path.length));
  for (const line of lines) {
    output.record({ type: 'progress', at: new Date().toISOString(), ...line });
    output.line(`${clockTime(Date.now() - startedAt).padStart(6)}  ${line.path.padEnd(width.path)}  ${line.text}`);
  }
}

function leave(output: Output, workflowId: string, why: 'interrupted' | 'timed-out'): number {
  output.record({ type: 'left', why, workflowId });
  output.line('');
  output.line(`${workflowId} goes on${why === 'timed-out' ? '; the time to wait is over' : ''}.`);
  output.line(
    `Come back with \`pawl status ${workflowId}\`, or run the same command again to follow it; \`pawl cancel ${workflowId}\` ends it.`,
  );
  return why === 'interrupted' ? exitCodes.detached : exitCodes.waitTimedOut;
}

/** The end: the record says more than the server does, and stays. */
async function close(session: Session, store: ObjectStore, output: Output, look: RunLook): Promise<number> {
  const record = await endedRecord(store, look);
  if (record === null) {
    const { workflowId, state } = look.root;
    if (state === 'CANCELED' || state === 'CANCELLED' || state === 'TERMINATED') {
      output.record({ type: 'end', workflowId, state: 'cancelled', exitCode: exitCodes.cancelled });
      output.line(`${workflowId}: ${state === 'TERMINATED' ? 'terminated' : 'cancelled'}`);
      return exitCodes.cancelled;
    }
    throw new CliError(
      exitCodes.internal,
      `${workflowId} ended (${state}) without a record. ${await resultOf(session, look)}`,
    );
  }
  const summary = await summaryOf(session.config, store, record);
  const exitCode = exitCodeOf(record);
  output.record({ type: 'end', exitCode, ...summary });
  for (const line of summaryLines(summary)) output.line(line);
  return exitCode;
}

async function endedRecord(store: ObjectStore, { root }: RunLook): Promise<RunRecord | null> {
  for (let tried = 0; tried < 10; tried++) {
    const record = await readRun(store, root.workflowId, root.firstRunId);
    if (record !== null && record.state !== 'running') return record;
    await sleep(100);
  }
  return null;
}

async function resultOf(session: Session, { root }: RunLook): Promise<string> {
  try {
    await session.client.workflow.getHandle(root.workflowId, root.runId).result();
    return '';
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return `Its workflow says: ${cause}`;
  }
}

// Step activities of the port in one process, on a virtual clock: queues that nobody polls, attempts, time-outs. As on
// Temporal, an activity that says how many attempts it has used decides itself whether there is another; the attempts of
// one that does not are counted here.
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { StepCall, StepOutcome } from '../activities/calls.js';
import { failure, finalClasses } from './failure.js';
import type { StepSchedule } from './port.js';
import { createStop } from './stop.js';
import type { Stop } from './stop.js';
import type { VirtualClock } from './virtual-clock.js';

/** What a fake activity may use besides its call. */
export interface StepHost {
  /** The queue it was taken from. */
  queue: string;
  /** From 1. */
  attempt: number;
  stop: Stop;
  now(): number;
  /** Virtual time; throws CancelledFailure when the step is stopped meanwhile. */
  sleep: (ms: number) => Promise<void>;
}

export type InProcessStep = (call: StepCall, host: StepHost) => StepOutcome | Promise<StepOutcome>;

/** Where the activities run. */
export interface StepWorld {
  activities: Record<string, InProcessStep>;
  /** Queues that nobody polls. */
  deafQueues: Set<string>;
  clock: VirtualClock;
}

/** The outcome of a step, over attempts; throws what the last one failed with, or CancelledFailure. */
export async function runActivity(
  world: StepWorld,
  call: StepCall,
  schedule: StepSchedule,
  stop: Stop,
): Promise<StepOutcome> {
  const { clock } = world;
  const queue = await queueFor(world, schedule, stop);
  const endAt = schedule.deadlineMs === null ? null : clock.now() + schedule.deadlineMs;
  for (let attempt = 1; ; attempt += 1) {
    const leftMs = endAt === null ? null : Math.max(1, endAt - clock.now());
    const isDeadline = leftMs !== null && (schedule.timeoutMs === null || leftMs <= schedule.timeoutMs);
    const limitMs = isDeadline ? leftMs : schedule.timeoutMs;
    try {
      return throughJson(await limited(world, call, { queue, attempt, stop }, { limitMs, isDeadline }));
    } catch (error) {
      if (!isRetried(error, call, attempt) || stop.isRequested()) throw error;
      const pauseMs = pauseBefore(error, call, attempt);
      if (endAt !== null && clock.now() + pauseMs >= endAt) throw error;
      await waitFor(clock, () => stop.isRequested(), pauseMs);
    }
  }
}

/** The queue that takes the step: after a time-out the fallback. */
async function queueFor({ deafQueues, clock }: StepWorld, schedule: StepSchedule, stop: Stop): Promise<string> {
  if (!deafQueues.has(schedule.queue)) return schedule.queue;
  if (schedule.scheduleToStartMs === null || schedule.fallbackQueue === null) {
    await waitFor(clock, () => stop.isRequested());
    throw new CancelledFailure('cancelled');
  }
  await waitFor(clock, () => stop.isRequested(), schedule.scheduleToStartMs);
  return schedule.fallbackQueue;
}

type AttemptHost = Pick<StepHost, 'queue' | 'attempt' | 'stop'>;

/** Why an attempt is stopped that a time-out ends. */
export const timeIsOver = 'its time is over';

/** One attempt, stopped when its time is over. */
async function limited(
  world: StepWorld,
  call: StepCall,
  host: AttemptHost,
  { limitMs, isDeadline }: { limitMs: number | null; isDeadline: boolean },
): Promise<StepOutcome> {
  if (limitMs === null) return runAttempt(world, call, host);
  const stop = createStop(host.stop);
  const forget = world.clock.after(limitMs, () => stop.request(timeIsOver));
  try {
    return await runAttempt(world, call, { ...host, stop });
  } catch (error) {
    if (!stop.isRequested() || host.stop.isRequested()) throw error;
    if (isDeadline) throw failure('timeout', 'the step took longer than its `deadline`, all attempts counted');
    throw ApplicationFailure.retryable('an attempt took longer than `timeout`', 'timeout');
  } finally {
    forget();
    stop.detach();
  }
}

async function runAttempt({ activities, clock }: StepWorld, call: StepCall, host: AttemptHost): Promise<StepOutcome> {
  const activity = activities[call.uses];
  if (activity === undefined) throw ApplicationFailure.nonRetryable(`nobody serves ${call.uses}`, 'config');
  const sleep = async (ms: number): Promise<void> => {
    if (await waitFor(clock, () => host.stop.isRequested(), ms)) throw new CancelledFailure('stopped');
  };
  await Promise.resolve();
  if (host.stop.isRequested()) throw new CancelledFailure('stopped');
  return activity(call, { ...host, now: () => clock.now(), sleep });
}

function isRetried(error: unknown, { retry }: StepCall, attempt: number): boolean {
  if (!(error instanceof ApplicationFailure) || error.nonRetryable === true) return false;
  if (attempt >= retry.attempts && !countsItself(error)) return false;
  return !(finalClasses(retry.for) as string[]).includes(error.type ?? '');
}

/** Whether the activity says how many attempts it has used: then it has decided. */
function countsItself(error: ApplicationFailure): boolean {
  const [facts] = error.details ?? [];
  return typeof facts === 'object' && facts !== null && 'attempts' in facts;
}

/** Milliseconds: what the failure asks for, else doubled with each attempt, as Temporal does. */
function pauseBefore(error: unknown, { retry }: StepCall, attempt: number): number {
  const asked: unknown = error instanceof ApplicationFailure ? error.nextRetryDelay : null;
  if (typeof asked === 'number') return Math.max(1, asked);
  return Math.max(1, Math.min(Math.max(retry.backoffMs, retry.maxBackoffMs), retry.backoffMs * 2 ** (attempt - 1)));
}

/** Resolves true when the predicate holds, false after `timeoutMs` of virtual time. */
export async function waitFor(clock: VirtualClock, predicate: () => boolean, timeoutMs?: number): Promise<boolean> {
  if (predicate()) return true;
  const { met, forget } = clock.until(predicate);
  if (timeoutMs === undefined) {
    await met;
    return true;
  }
  return new Promise<boolean>((resolve) => {
    const cancelTimer = clock.after(timeoutMs, () => {
      forget();
      resolve(predicate());
    });
    void met.then(() => {
      cancelTimer();
      resolve(true);
    });
  });
}

/** A value as it arrives on the other side of a call. */
export const throughJson = <Value>(value: Value): Value =>
  value === undefined ? value : (JSON.parse(JSON.stringify(value)) as Value);

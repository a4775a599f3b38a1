// What the time of a step goes to, over its attempts: work that a checkpoint keeps, work that is done again, waiting.
// Its state travels in the heartbeat, so that the attempt after a kill knows what the dead one was doing and until when.
// All of it is of the hosts' clocks, of which a difference can only shorten what is counted.
import type { Info } from '@temporalio/activity';
import { addLost, waits, type LostTime } from '../schemas/lost-time.js';

export interface StopwatchState {
  /** What is counted so far. */
  lost: LostTime;
  /** What is waited for, or why the attempt had to begin again; null on a first attempt that gets ready or works. */
  cause: string | null;
  isWorking: boolean;
  /** Begin of this stretch: of the waiting, or of the work that no checkpoint holds yet. */
  sinceMs: number;
  /** Work of earlier attempts that is lost as soon as this one begins to do it again. */
  redoMs: number;
  /** When the attempt began. */
  startedMs: number;
}

export interface Stopwatch {
  readonly state: StopwatchState;
  /** From now on a claim is waited for. */
  waits(): void;
  /** What was waited for is there. */
  ready(): void;
  /** The work begins. */
  works(): void;
  /** What was done until `ms` is in a checkpoint. */
  safe(ms: number): void;
  /** What is lost until now. */
  lost(): LostTime;
}

/** What the last heartbeat of the attempt before told. */
export interface StoppedAttempt {
  state: StopwatchState;
  atMs: number;
  /** What it ended with; null when it vanished. */
  endedAs: string | null;
}

export interface AttemptTimes {
  number: number;
  /** When the step was sent to its queue. */
  scheduledMs: number;
  /** Time-outs of the activity. */
  startToCloseMs: number;
  heartbeatMs: number;
}

/** The times of the activity that runs. Pure. */
export const timesOf = (info: Info): AttemptTimes => ({
  number: info.attempt,
  scheduledMs: info.scheduledTimestampMs,
  startToCloseMs: info.startToCloseTimeoutMs,
  heartbeatMs: info.heartbeatTimeoutMs ?? Infinity,
});

/** A wait for a slot that is shorter is the way of a step to its worker. */
const shortestSlotWaitMs = 1_000;

/** Starts the watch of an attempt where the one before stopped. */
export function startStopwatch(times: AttemptTimes, last: StoppedAttempt | null, clock: () => number): Stopwatch {
  const state = begin(times, last, clock());
  const close = (): void => {
    if (state.cause !== null && !state.isWorking) state.lost = withWait(state, clock());
    state.sinceMs = clock();
  };
  return {
    state,
    waits() {
      if (state.cause === null) Object.assign(state, { cause: waits.claim, sinceMs: clock() });
    },
    ready() {
      // After a failure the wait lasts until the work goes on.
      if (state.cause !== waits.slot && state.cause !== waits.claim) return;
      close();
      state.cause = null;
    },
    works() {
      close();
      if (state.cause !== null) state.lost = addLost(state.lost, state.cause, { recomputed: state.redoMs / 1000 });
      Object.assign(state, { isWorking: true, redoMs: 0 });
    },
    safe(ms) {
      state.sinceMs = ms;
    },
    lost: () => (state.isWorking || state.cause === null ? state.lost : withWait(state, clock())),
  };
}

function begin(times: AttemptTimes, last: StoppedAttempt | null, nowMs: number): StopwatchState {
  const fresh = { lost: {}, isWorking: false, redoMs: 0, startedMs: nowMs };
  if (last === null) {
    // One that died before its first heartbeat had no time to do anything.
    const cause = times.number > 1 ? 'worker_lost' : waits.slot;
    return { ...fresh, cause, sinceMs: times.scheduledMs };
  }
  const { state, atMs } = last;
  const cause = last.endedAs ?? vanishedAs(times, last);
  if (state.isWorking)
    return { ...fresh, lost: state.lost, cause, sinceMs: atMs, redoMs: Math.max(0, atMs - state.sinceMs) };
  // It ended while it waited, and had still to do again what an earlier one had lost.
  const lost = state.cause === null ? state.lost : withWait(state, atMs);
  return { ...fresh, lost, cause, sinceMs: atMs, redoMs: state.redoMs };
}

/** The server ends an attempt by the time-out that is over first. Pure. */
export const vanishedAs = (times: AttemptTimes, { state, atMs }: Pick<StoppedAttempt, 'state' | 'atMs'>): string =>
  state.startedMs + times.startToCloseMs <= atMs + times.heartbeatMs ? 'timeout' : 'worker_lost';

function withWait({ lost, cause, sinceMs }: StopwatchState, untilMs: number): LostTime {
  const ms = untilMs - sinceMs;
  if (cause === null || (cause === waits.slot && ms < shortestSlotWaitMs)) return lost;
  return addLost(lost, cause, { waiting: ms / 1000 });
}

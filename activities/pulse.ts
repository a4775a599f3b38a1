// The heartbeat of an attempt: sent by a timer whatever the step does, so that a kill is noticed within seconds and the
// last progress is known. What it carries is shown live and counts attempts without progress.
import type { Info } from '@temporalio/activity';
import { startStopwatch, timesOf, type StoppedAttempt, type StopwatchState } from './stopwatch.js';

/** Details of a heartbeat; also what the next attempt learns of this one. */
export interface PulseDetails {
  step: number | null;
  total: number | null;
  text: string;
  metrics: Record<string, number | null>;
  /** Newest stored checkpoint; null when there is none. */
  checkpointStep: number | null;
  attempt: number;
  /** Attempts without a newer checkpoint, this one included. */
  attemptsWithoutProgress: number;
  /** The checkpoint that this attempt started from: a newer one is progress. */
  startedFrom: number | null;
  /** What its time went to so far; with the two below absent in the heartbeat of an older worker. */
  time?: StopwatchState;
  /** When this was sent. */
  atMs?: number;
  /** The failure class that the attempt ended with; null while it runs, and when it vanished. */
  endedAs?: string | null;
}

export interface Pulse {
  readonly details: PulseDetails;
  /** Sends the details as they are. */
  beat(): void;
  stop(): void;
}

/** Beats every `everyMs`, so that a step shorter than that sends none; `send` is the activity's heartbeat. */
export function startPulse(details: PulseDetails, everyMs: number, send: (details: PulseDetails) => void): Pulse {
  const beat = (): void => send({ ...details, metrics: { ...details.metrics } });
  const timer = setInterval(beat, everyMs);
  return { details, beat, stop: () => clearInterval(timer) };
}

/**
 * Attempts without a newer checkpoint, the one that starts now included. `newest` is the newest stored checkpoint.
 * Attempts that died before their first heartbeat count too: the number of the attempt says how many there were. Pure.
 */
export function countAttempts(now: { attempt: number; newest: number | null; last: PulseDetails | null }): number {
  const { attempt, newest, last } = now;
  if (last === null) return attempt;
  if (newest !== null && newest > (last.startedFrom ?? -1)) return 1;
  return last.attemptsWithoutProgress + Math.max(0, attempt - last.attempt);
}

/** The details of the last attempt's last heartbeat, or null when there are none that can be read. Pure. */
export function readPulse(details: unknown): PulseDetails | null {
  if (typeof details !== 'object' || details === null) return null;
  const { attempt, attemptsWithoutProgress, startedFrom } = details as Partial<PulseDetails>;
  const known = typeof attempt === 'number' && typeof attemptsWithoutProgress === 'number' && startedFrom !== undefined;
  return known ? (details as PulseDetails) : null;
}

/**
 * Where the watch of the last attempt stopped; null when its heartbeat does not say. It may have kept a checkpoint after its
 * last heartbeat: `keptMs` is when the newest one was written. Pure.
 */
export function stoppedAttempt(last: PulseDetails | null, keptMs: number | null): StoppedAttempt | null {
  if (last?.time === undefined || last.atMs === undefined) return null;
  const { time, atMs, endedAs = null } = last;
  if (!time.isWorking || keptMs === null || keptMs <= time.sinceMs) return { state: time, atMs, endedAs };
  return { state: { ...time, sinceMs: keptMs }, atMs: Math.max(atMs, keptMs), endedAs };
}

/** What the next attempt is to learn of one on a worker that is too old: it does not count. Pure, but for the clock. */
export function leftAlone(info: Info, clock: () => number): PulseDetails {
  const last = readPulse(info.heartbeatDetails);
  const nothing = { step: null, total: null, text: '', metrics: {}, checkpointStep: null, startedFrom: null };
  const { attempt } = info;
  return {
    ...(last ?? nothing),
    attempt,
    attemptsWithoutProgress: countAttempts({ attempt, newest: null, last }) - 1,
    time: startStopwatch(timesOf(info), stoppedAttempt(last, null), clock).state,
    atMs: clock(),
    endedAs: 'worker_outdated',
  };
}

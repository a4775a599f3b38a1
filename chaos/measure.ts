// What each kill cost, from the trace of the run: seconds in which nobody worked, and what was computed again. Pure.
import type { TraceLine } from '../worker/faults.js';
import type { Killed } from './killer.js';
import { attemptsIn, type Attempt, type Job } from './timeline.js';

export interface Cost {
  kill: string;
  /** The longest time without work between this kill and the next. */
  idleMs: number;
  /** Steps that were reported a second time, of steps of the plan that checkpoint every so many of them. */
  recomputedSteps: number;
  /** Time that the work took which was done a second time. */
  recomputedMs: number;
  /** What of it is more than one checkpoint interval; null = nothing. */
  beyond: string | null;
}

/** How often a step checkpoints, by its path without iterations. */
export type Intervals = Record<string, { everySteps: number | null; everyMs: number | null }>;

/** Somebody works from `from` to `to`. */
interface Span {
  from: number;
  to: number;
  attempt: Attempt;
}

/** The cost of each kill. `trainerPaths`: the steps that need the trainer, and so do not work before it has their job. */
export function costsOf(
  trace: readonly TraceLine[],
  kills: readonly Killed[],
  { intervals, trainerPaths }: { intervals: Intervals; trainerPaths: ReadonlySet<string> },
): Cost[] {
  const attempts = attemptsIn(trace);
  const ordered = [...kills].sort((a, b) => a.killedAt - b.killedAt);
  const spans = attempts.flatMap((attempt) => spanOf(attempt, ordered, trainerPaths)).sort((a, b) => a.from - b.from);
  return ordered.map((kill, index) => {
    const until = ordered[index + 1]?.killedAt ?? trace.at(-1)?.at ?? kill.killedAt;
    const lost = lostBy({ from: kill.killedAt, to: until }, attempts, spans, intervals);
    return { kill: kill.id, idleMs: idleAfter(kill.killedAt, until, spans), ...lost };
  });
}

function spanOf(attempt: Attempt, kills: readonly Killed[], trainerPaths: ReadonlySet<string>): Span[] {
  const job = attempt.jobs.find(({ at }) => at !== null);
  const from = trainerPaths.has(attempt.path) ? (job?.at ?? null) : attempt.claimedAt;
  if (from === null) return [];
  const ended = attempt.endedAt ?? attempt.jobs.at(-1)?.endedAt ?? null;
  const killed = kills.find(({ target, killedAt }) => killedAt >= from && interrupts(target, attempt, trainerPaths));
  const to = Math.min(ended ?? Infinity, killed?.killedAt ?? Infinity);
  return to === Infinity ? [] : [{ from, to, attempt }];
}

const interrupts = (target: Killed['target'], { path }: Attempt, trainerPaths: ReadonlySet<string>): boolean =>
  target === 'worker' || (target === 'trainer' && trainerPaths.has(path));

/** The longest gap between spans that a moment of [from, until] lies in, counted from the kill on. */
function idleAfter(from: number, until: number, spans: readonly Span[]): number {
  let longest = 0;
  let covered = from;
  for (const span of spans) {
    if (span.to < covered) continue;
    if (covered >= until) break;
    longest = Math.max(longest, span.from - covered);
    covered = Math.max(covered, span.to);
  }
  return longest;
}

/** What attempts that ended in a time had done and their successors did again. */
function lostBy(
  time: { from: number; to: number },
  attempts: readonly Attempt[],
  spans: readonly Span[],
  intervals: Intervals,
): Omit<Cost, 'kill' | 'idleMs'> {
  const total = { recomputedSteps: 0, recomputedMs: 0, beyond: null as string | null };
  for (const { attempt, from, to } of spans.filter((span) => time.from <= span.to && span.to < time.to)) {
    const later = attempts.filter(({ key, claimedAt }) => key === attempt.key && claimedAt > attempt.claimedAt);
    const successor = later.find((one) => lastJobWithSteps(one) !== null) ?? later.find((one) => one.endedAt !== null);
    if (successor === undefined) continue;
    const every = intervals[attempt.path.replaceAll(/\[[^\]]*\]/g, '')] ?? { everySteps: null, everyMs: null };
    const { steps, ms } = overlap(attempt, successor, to - from);
    // Where no interval is in steps, what is reported as progress are texts, chunks or the like.
    if (every.everySteps !== null) total.recomputedSteps += steps;
    total.recomputedMs += ms;
    total.beyond ??= beyondOf(attempt, steps, ms, every);
  }
  return total;
}

/** Where both report steps, what the successor reports again; else all that the first had done. */
function overlap(lost: Attempt, next: Attempt, workedMs: number): { steps: number; ms: number } {
  if (next.endedAt !== null && next.jobs.length === 0 && lost.jobs.length > 0) return { steps: 0, ms: 0 }; // it found the result
  const before = lastJobWithSteps(lost);
  const after = lastJobWithSteps(next);
  if (before === null || after === null) return { steps: 0, ms: next.endedAt === null ? 0 : workedMs };
  const reached = Math.max(...before.steps.map(({ step }) => step));
  const resumed = Math.min(...after.steps.map(({ step }) => step)) - 1;
  const steps = Math.max(0, reached - resumed);
  const first = before.steps.find(({ step }) => step > resumed)?.at;
  const last = before.steps.at(-1)?.at;
  return { steps, ms: first === undefined || last === undefined ? 0 : last - first };
}

const lastJobWithSteps = ({ jobs }: Attempt): Job | null => jobs.filter(({ steps }) => steps.length > 0).at(-1) ?? null;

/** A step that was under way, and those that the trainer went on with while the last checkpoint was stored, come on top. */
const stepsOnTheWay = 2;

function beyondOf(
  { path }: Attempt,
  steps: number,
  ms: number,
  { everySteps, everyMs }: Intervals[string],
): string | null {
  if (everySteps !== null && steps > everySteps + stepsOnTheWay) return `${path}: ${steps} steps of ${everySteps}`;
  const bound = everyMs ?? defaultIntervalMs;
  return everySteps === null && ms > bound ? `${path}: ${Math.round(ms / 1000)} s of ${bound / 1000} s` : null;
}

/** For steps whose plan names no interval. */
const defaultIntervalMs = 120_000;

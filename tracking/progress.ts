// What of a run has been published, and what is next. Pure.
import type { Point } from './mlflow-client.js';

/** Closed ranges of iterations, ascending, not touching. */
export type Ranges = [from: number, to: number][];

export interface Progress {
  /** Metric of a journal -> last step sent. Journals only grow, so what is below is sent, too. */
  last: Record<string, number>;
  /** Step in a loop, such as `rl.update` -> iterations sent. They may arrive in any order. */
  iterations: Record<string, Ranges>;
  /** Steps outside loops whose committed metrics were sent; '' for the metrics of the run. */
  finals: string[];
}

/** Points that are sent together, and what they complete. */
export interface Unit {
  points: Point[];
  completes: { series: true } | { iteration: { step: string; index: number } } | { final: string };
}

/** The part of a unit that is not published; null when there is none. Pure. */
export function rest(unit: Unit, progress: Progress): Unit | null {
  const { completes } = unit;
  if ('final' in completes) return progress.finals.includes(completes.final) ? null : unit;
  if ('iteration' in completes) {
    const { step, index } = completes.iteration;
    return (progress.iterations[step] ?? []).some(([from, to]) => from <= index && index <= to) ? null : unit;
  }
  const points = unit.points.filter(({ key, step }) => step > (progress.last[key] ?? -Infinity));
  return points.length === 0 ? null : { ...unit, points };
}

/** Progress once the unit is published. Pure. */
export function advance(progress: Progress, unit: Unit): Progress {
  const { completes } = unit;
  if ('final' in completes) return { ...progress, finals: [...progress.finals, completes.final] };
  if ('iteration' in completes) {
    const { step, index } = completes.iteration;
    return {
      ...progress,
      iterations: { ...progress.iterations, [step]: include(progress.iterations[step] ?? [], index) },
    };
  }
  const last = { ...progress.last };
  for (const { key, step } of unit.points) last[key] = Math.max(step, last[key] ?? -Infinity);
  return { ...progress, last };
}

/**
 * The next points to send, at most `limit`, and the progress after them; null when all is published. Pure.
 * Units are never divided: each has fewer points than the limit.
 */
export function nextBatch(
  units: readonly Unit[],
  progress: Progress,
  limit: number,
): { points: Point[]; then: Progress } | null {
  let then = progress;
  const points: Point[] = [];
  for (const unit of units) {
    const left = rest(unit, then);
    if (left === null) continue;
    if (points.length > 0 && points.length + left.points.length > limit) break;
    points.push(...left.points);
    then = advance(then, left);
  }
  return then === progress ? null : { points, then };
}

function include(ranges: Ranges, index: number): Ranges {
  const merged: Ranges = [];
  const ordered = [...ranges, [index, index] as [number, number]].sort(([a], [b]) => a - b);
  for (const [from, to] of ordered) {
    const before = merged.at(-1);
    if (before !== undefined && from <= before[1] + 1) before[1] = Math.max(before[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

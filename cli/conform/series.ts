// The curves that MLflow would show of some attempts at one step. Pure.
import type { Attempted } from './attempt.js';

/** `loss at 20` -> the values that were reported for it. */
export type Series = Record<string, (number | null)[]>;

/** Of an attempt that was stopped counts what came before its last checkpoint; of the last one everything. */
export function seriesOf(attempts: readonly Attempted[]): Series {
  const series: Series = {};
  for (const [index, { events, saved }] of attempts.entries()) {
    const isLast = index === attempts.length - 1;
    const counted = isLast ? events : events.slice(0, saved.at(-1)?.position ?? 0);
    for (const event of counted) {
      if (event.type !== 'metrics') continue;
      for (const [name, value] of Object.entries(event.values)) (series[`${name} at ${event.step}`] ??= []).push(value);
    }
  }
  return series;
}

/** What is wrong with a series beside that of an undisturbed run; values count where two undisturbed runs agree. */
export function seriesFaults(found: Series, expected: Series, again: Series): string[] {
  const points = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  return points.flatMap((point) => {
    const [values, wanted, other] = [found[point] ?? [], expected[point] ?? [], again[point] ?? []];
    if (values.length === 0) return [`${point} is missing`];
    if (wanted.length === 0) return [`${point} is not in the undisturbed run`];
    if (values.length > wanted.length) return [`${point} is there ${values.length} times`];
    const isStable = JSON.stringify(wanted) === JSON.stringify(other);
    return isStable && JSON.stringify(values) !== JSON.stringify(wanted)
      ? [`${point} is ${values.join(', ')} instead of ${wanted.join(', ')}`]
      : [];
  });
}

// Words that a plan report is told in. Pure.
import type { Estimate, Step } from '../schemas/generated/plan-report.js';
import { duration } from './numbers.js';

/** `3m20s: median of 4 records, 3m10s to 4m00s`. */
export function estimateInWords({ seconds, range, records, differs }: Estimate): string {
  if (seconds === null) return 'no record yet';
  const spread = range === null || records < 2 ? '' : `, ${duration(range.min)} to ${duration(range.max)}`;
  const others = differs.length === 0 ? '' : `; they differ in ${some(differs)}`;
  return `${duration(seconds)}: median of ${records} record${records === 1 ? '' : 's'}${spread}${others}`;
}

/** Names in a row, not too many. Pure. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, 12);
  return `${shown.join(', ')}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ''}`;
}

/** Paths by key, to say whose output an artifact is. */
export function producersOf(steps: readonly Step[]): Map<string, string> {
  return new Map(
    steps.flatMap((step) => [
      ...(step.key === null ? [] : [[step.key, step.path] as const]),
      ...producersOf(step.steps),
    ]),
  );
}

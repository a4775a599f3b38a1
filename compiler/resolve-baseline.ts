// `baseline.metrics.<name>`: what an earlier run measured.
import type { Reference } from '../expressions/parse.js';
import { nearest } from './did-you-mean.js';
import { failed } from './resolution.js';
import type { Resolution } from './resolution.js';

/** Metrics of the run to compare with; null: it did not measure that. */
export type Baseline = Readonly<Record<string, number | null>>;

/** A number, or null without a baseline or where it did not measure that. Pure. */
export function resolveBaseline(baseline: Baseline | null, reference: Reference, path: string[]): Resolution {
  const [section, name, ...below] = path;
  if (section !== 'metrics' || name === undefined || below.length > 0) {
    const hint = 'write baseline.metrics.<metric>: a figure that the earlier run hands out';
    return failed('unknown-reference', `\`${reference.text}\` is not a value`, hint);
  }
  const isMeasured = baseline !== null && Object.hasOwn(baseline, name);
  const near = isMeasured || baseline === null ? null : nearest(name, Object.keys(baseline));
  if (near !== null)
    return failed('unknown-reference', `the baseline has no metric \`${name}\``, `did you mean \`${near}\`?`);
  const constant = isMeasured ? (baseline[name] ?? null) : null;
  return { ok: true, type: { is: 'number', optional: true }, target: null, output: null, constant };
}

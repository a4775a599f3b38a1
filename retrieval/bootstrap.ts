// Bootstrap intervals over queries (Efron, percentile method), seeded.
import { seededRandom } from './random.js';

export interface Interval {
  mean: number;
  low: number;
  high: number;
}

export interface BootstrapOptions {
  seed?: number;
  resamples?: number;
  /** Probability inside the interval. */
  level?: number;
}

/** Mean of the values and its interval. Fails for no values. Pure. */
export function bootstrapMean(values: readonly number[], options: BootstrapOptions = {}): Interval {
  const { seed = 0, resamples = 2000, level = 0.95 } = options;
  if (values.length === 0) throw new Error('Internal error: bootstrap of no values');
  const random = seededRandom(seed, 'bootstrap');
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)] as number;
    return sum / values.length;
  }).sort();
  const at = (share: number): number =>
    means[Math.min(resamples - 1, Math.max(0, Math.round(share * (resamples - 1))))] as number;
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    low: at((1 - level) / 2),
    high: at((1 + level) / 2),
  };
}

/** Interval of the mean difference b - a of values paired by query: the same queries are drawn on both sides. Pure. */
export function pairedBootstrap(a: readonly number[], b: readonly number[], options: BootstrapOptions = {}): Interval {
  if (a.length !== b.length) throw new Error(`Internal error: ${a.length} values paired with ${b.length}`);
  return bootstrapMean(
    a.map((value, i) => (b[i] as number) - value),
    options,
  );
}

// Bootstrap over queries, sets of queries and replicas: intervals (Efron, percentile method) and p-values, seeded.
import { seededRandom, type Random } from './random.js';

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
  /** Queries of each set that are drawn together, by their positions; default each query by itself. */
  clusters?: readonly (readonly (readonly number[])[])[];
}

/** Values by set, replica (a training run with another seed) and query; the queries of a set are the same in all replicas. */
export type Replicated = readonly (readonly (readonly number[])[])[];

/** Mean of the values and its interval. Fails for no values. Pure. */
export const bootstrapMean = (values: readonly number[], options: BootstrapOptions = {}): Interval =>
  bootstrapSets([values], options);

/**
 * Mean over sets of the mean of each set's values, and its interval. The queries of each set are drawn by themselves, so a large
 * set weighs no more than a small one. Fails for no set, or one without values. Pure.
 */
export const bootstrapSets = (sets: readonly (readonly number[])[], options: BootstrapOptions = {}): Interval => {
  const replicated = sets.map((values) => [values]);
  return intervalOf(replicated, resampledMeans(replicated, options), options);
};

/** Interval of the mean difference b - a of values paired by query: the same queries are drawn on both sides. Pure. */
export function pairedBootstrap(a: readonly number[], b: readonly number[], options: BootstrapOptions = {}): Interval {
  if (a.length !== b.length) throw new Error(`Internal error: ${a.length} values paired with ${b.length}`);
  return bootstrapMean(
    a.map((value, i) => (b[i] as number) - value),
    options,
  );
}

export interface Difference extends Interval {
  /** Two-sided p-value of no difference. */
  p: number;
  /** Standard deviation of the resampled means. */
  standardError: number;
}

/**
 * Interval and p-value of the mean of paired differences. Replicas are drawn once a resample, for all sets; queries set by set.
 * p: the share of resampled means that lie as far from their own centre as the mean from 0 (Efron and Tibshirani 1993, 16.4;
 * Sakai 2006), the observed one counted in, so it is never 0. Fails for no values. Pure.
 */
export function bootstrapDifference(differences: Replicated, options: BootstrapOptions = {}): Difference {
  const means = resampledMeans(differences, options);
  const interval = intervalOf(differences, means, options);
  const deviations = means.map((mean) => mean - interval.mean);
  // Sums of the same numbers in another order differ in their last bits.
  const far = Math.abs(interval.mean) * (1 - 1e-12);
  return {
    ...interval,
    p: (1 + deviations.filter((deviation) => Math.abs(deviation) >= far).length) / (1 + deviations.length),
    standardError: Math.sqrt(meanOf(Array.from(deviations, (deviation) => deviation ** 2))),
  };
}

function intervalOf(values: Replicated, resampled: Float64Array, { level = 0.95 }: BootstrapOptions): Interval {
  const means = resampled.slice().sort();
  const at = (share: number): number =>
    means[Math.min(means.length - 1, Math.max(0, Math.round(share * (means.length - 1))))] as number;
  const mean = meanOf(values.map((replicas) => meanOf(replicas.map(meanOf))));
  return { mean, low: at((1 - level) / 2), high: at((1 + level) / 2) };
}

function resampledMeans(sets: Replicated, options: BootstrapOptions): Float64Array {
  const { seed = 0, resamples = 2000 } = options;
  if (sets.length === 0 || sets.some((replicas) => replicas.length === 0 || replicas[0]?.length === 0))
    throw new Error('Internal error: bootstrap of no values');
  const random = seededRandom(seed, 'bootstrap');
  const replicas = sets[0]?.length ?? 0;
  const clusters = options.clusters ?? sets.map(([values]) => (values ?? []).map((_, query) => [query]));
  return Float64Array.from({ length: resamples }, () => {
    const drawn = replicas === 1 ? [0] : Array.from({ length: replicas }, () => random.below(replicas));
    return meanOf(sets.map((values, set) => drawnMean(values, drawn, clusters[set] as readonly number[][], random)));
  });
}

/** Mean over drawn replicas of the values of the queries in as many drawn clusters as there are. */
function drawnMean(
  values: Replicated[number],
  replicas: readonly number[],
  clusters: readonly (readonly number[])[],
  random: Random,
): number {
  const of = replicas.map((replica) => values[replica] as readonly number[]);
  let sum = 0;
  let queries = 0;
  for (let i = 0; i < clusters.length; i++) {
    const cluster = clusters[random.below(clusters.length)] as readonly number[];
    queries += cluster.length;
    for (const query of cluster) for (const replica of of) sum += replica[query] as number;
  }
  return sum / (queries * of.length);
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

// The endpoints over all replicas: paired by seed and query, bootstrap over seeds × query clusters, Holm over the endpoints.
import { compareReports, type Comparison } from '../retrieval/compare-reports.js';
import type { Endpoint } from './endpoints.js';
import { folderOf, type Replica } from './replica.js';

export interface Compared extends Comparison {
  endpoint: Endpoint;
  /** p after Holm. */
  adjusted: number;
  verdict: 'better' | 'worse' | 'undecided';
}

const level = 0.05;
/** Standard normal quantile of the power .8. */
const power = 0.8416;

/**
 * Compares. `detectable` is at the level that Holm asks of the smallest p. A difference counts when it is significant after
 * Holm and not below what is detectable. Fails as compareReports does where the sides or replicas have different queries.
 */
export async function compare(
  endpoints: readonly Endpoint[],
  replicas: readonly Replica[],
  resamples = 10_000,
): Promise<Compared[]> {
  const found: (Comparison & { endpoint: Endpoint })[] = [];
  for (const endpoint of endpoints) {
    const { treated, control, figure } = endpoint;
    const pairs = replicas.map((one) => ({ before: folderOf(one, control), after: folderOf(one, treated) }));
    const named = { name: figure, before: control.mode, after: treated.mode };
    found.push({ endpoint, ...(await compareReports({ pairs, figure: named, options: { resamples }, clusterOf })) });
  }
  const adjusted = holm(found.map(({ p }) => p));
  return found.map((one, index) => {
    const p = adjusted[index] as number;
    const detectable = (normalQuantile(1 - level / endpoints.length / 2) + power) * one.standardError;
    const counts = p < level && Math.abs(one.mean) >= detectable;
    return { ...one, adjusted: p, detectable, verdict: !counts ? 'undecided' : one.mean > 0 ? 'better' : 'worse' };
  });
}

/**
 * The cluster of a query: `q:asyncio.queues.Queue.get` belongs to asyncio. Functions of one top-level package are written by the
 * same people about the same things, and the splits are made by package. A query without a dot is its own. Pure.
 */
export function clusterOf(query: string): string {
  const dot = query.indexOf('.');
  return dot === -1 ? query : query.slice(0, dot + 1);
}

/** Holm's step-down adjusted p-values (Holm 1979), in the order given. Pure. */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] as number) - (values[b] as number));
  const adjusted: number[] = Array.from({ length: values.length });
  let least = 0;
  for (const [step, index] of order.entries()) {
    least = Math.max(least, Math.min(1, (values.length - step) * (values[index] as number)));
    adjusted[index] = least;
  }
  return adjusted;
}

/** Quantile of the standard normal distribution by bisection of its distribution function (Abramowitz and Stegun 26.2.17). Pure. */
export function normalQuantile(share: number): number {
  let [low, high] = [-8, 8];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const series = [0.31938153, -0.356563782, 1.781477937, -1.821255978, 1.330274429];
  const sum = series.reduce((total, factor, index) => total + factor * t ** (index + 1), 0);
  const above = (Math.exp(-(x * x) / 2) / Math.sqrt(2 * Math.PI)) * sum;
  return x >= 0 ? 1 - above : above;
}

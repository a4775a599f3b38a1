// The endpoints over all replicas: paired by seed and query, bootstrap over seeds × query clusters, Holm over the endpoints. Pure.
import { bootstrapDifference, type Difference } from '../retrieval/bootstrap.js';
import type { QueryFigures } from '../retrieval/report.js';
import type { Endpoint } from './endpoints.js';
import { linesOf, type Replica } from './replica.js';

export interface Compared extends Difference {
  endpoint: Endpoint;
  /** Mean difference of each replica. */
  byReplica: number[];
  queries: number;
  clusters: number;
  /** p after Holm. */
  adjusted: number;
  /** Smallest difference that such a study would find with probability .8, at the level that Holm asks of the smallest p. */
  detectable: number;
  verdict: 'better' | 'worse' | 'undecided';
}

const level = 0.05;
/** Standard normal quantile of the power .8. */
const power = 0.8416;

/**
 * Compares. A difference counts when it is significant after Holm and not below what is detectable.
 * Throws an Error where the replicas were not evaluated on the same queries.
 */
export function compare(endpoints: readonly Endpoint[], replicas: readonly Replica[], resamples = 10_000): Compared[] {
  const differences = endpoints.map((endpoint) => differenceOf(endpoint, replicas, resamples));
  const adjusted = holm(differences.map(({ p }) => p));
  return differences.map((found, index) => {
    const p = adjusted[index] as number;
    const detectable = (normalQuantile(1 - level / endpoints.length / 2) + power) * found.standardError;
    const counts = p < level && Math.abs(found.mean) >= detectable;
    const verdict = !counts ? 'undecided' : found.mean > 0 ? 'better' : 'worse';
    return { ...found, adjusted: p, detectable, verdict };
  });
}

type Found = Omit<Compared, 'adjusted' | 'detectable' | 'verdict'>;

function differenceOf(endpoint: Endpoint, replicas: readonly Replica[], resamples: number): Found {
  const paired = replicas.map((replica) => {
    const treated = linesOf(replica, endpoint.treated);
    const control = linesOf(replica, endpoint.control);
    return pair(treated, control, endpoint);
  });
  const [first] = paired;
  if (first === undefined) throw new Error('A study without a replica has nothing to compare.');
  const ids = first.map(({ query }) => query);
  if (paired.some((lines) => lines.length !== ids.length || lines.some(({ query }, at) => query !== ids[at])))
    throw new Error(`The endpoint \`${endpoint.text}\`: the replicas were evaluated on different queries.`);
  const clusters = clustersOf(ids);
  const values = paired.map((lines) => lines.map(({ difference }) => difference));
  return {
    endpoint,
    ...bootstrapDifference([values], { resamples, clusters: [clusters] }),
    byReplica: values.map((of) => of.reduce((sum, value) => sum + value, 0) / of.length),
    queries: ids.length,
    clusters: clusters.length,
  };
}

function pair(
  treated: readonly QueryFigures[],
  control: readonly QueryFigures[],
  { figure, text }: Endpoint,
): { query: string; difference: number }[] {
  const other = new Map(control.map((line) => [line.query, line[figure]]));
  return treated.map((line) => {
    const value = other.get(line.query);
    if (value === undefined || other.size !== treated.length)
      throw new Error(`The endpoint \`${text}\`: its two sides were evaluated on different queries.`);
    return { query: line.query, difference: line[figure] - value };
  });
}

/**
 * Positions of the queries by cluster. Functions of one top-level package are written by the same people about the same things,
 * and the splits are made by package: `q:asyncio.queues.Queue.get` belongs to asyncio. A query without a dot is its own. Pure.
 */
export function clustersOf(ids: readonly string[]): number[][] {
  const clusters = new Map<string, number[]>();
  for (const [at, id] of ids.entries()) {
    const dot = id.indexOf('.');
    const name = dot === -1 ? id : id.slice(0, dot + 1);
    clusters.set(name, [...(clusters.get(name) ?? []), at]);
  }
  return [...clusters.values()];
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

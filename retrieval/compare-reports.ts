// Compares reports query by query: pairs of a report before and one after, a pair a training run (a replica, with another seed).
import { join } from 'node:path';
import { bootstrapDifference, type BootstrapOptions, type Difference } from './bootstrap.js';
import { isObject, readJsonl, stringField } from './jsonl.js';
import type { EvaluationMode, FigureName } from './report.js';
import { dataError } from './retrieval-error.js';

export interface ReportPair {
  /** Folders of reports. */
  before: string;
  after: string;
}

export interface ComparedFigure {
  name: FigureName;
  before: EvaluationMode;
  after: EvaluationMode;
}

export interface Comparison extends Difference {
  /** Means on both sides: over replicas and queries, then over sets. */
  before: number;
  after: number;
  queries: number;
  sets: number;
  /** The smallest true difference that a test at 5 % finds four times out of five: (1.960 + 0.842) standard errors. */
  detectable: number;
  /** Mean difference of each replica: over queries, then over sets. */
  byReplica: number[];
  /** Clusters of queries that are drawn together. */
  clusters: number;
  /** By query, the mean over replicas. */
  lines: { set?: string; query: string; before: number; after: number; difference: number }[];
}

export interface CompareInput {
  pairs: readonly ReportPair[];
  figure: ComparedFigure;
  options: Omit<BootstrapOptions, 'clusters'>;
  /** Queries of a set with the same cluster are drawn together; default each by itself. */
  clusterOf?: (query: string) => string;
}

/** Values by set ('' where there is one) and query. */
type Figures = Map<string, Map<string, number>>;

/**
 * Mean of `after - before` of one figure over the queries, paired, with its bootstrap interval and p-value. Several sets weigh alike;
 * replicas are drawn, too. Fails with class `data` when a mode is missing or the queries differ.
 */
export async function compareReports({ pairs, figure, options, clusterOf }: CompareInput): Promise<Comparison> {
  const read: { before: Figures; after: Figures }[] = [];
  for (const { before, after } of pairs)
    read.push({
      before: await readFigures(before, figure.name, figure.before),
      after: await readFigures(after, figure.name, figure.after),
    });
  const [first] = read;
  if (first === undefined) throw new Error('Internal error: no reports to compare');
  for (const { before, after } of read) for (const side of [before, after]) requireSameQueries(first.before, side);
  const lines = [...first.before].flatMap(([set, queries]) =>
    [...queries.keys()].map((query) => {
      const mean = (side: 'before' | 'after'): number => meanOf(read.map((one) => valueOf(one[side], set, query)));
      const [before, after] = [mean('before'), mean('after')];
      return { ...(set === '' ? {} : { set }), query, before, after, difference: after - before };
    }),
  );
  const sets = [...first.before].map(([set, queries]) => ({ set, ids: [...queries.keys()] }));
  const differences = sets.map(({ set, ids }) =>
    read.map((one) => ids.map((query) => valueOf(one.after, set, query) - valueOf(one.before, set, query))),
  );
  const clusters = sets.map(({ ids }) => clustersOf(ids, clusterOf ?? ((query) => query)));
  const found = bootstrapDifference(differences, { ...options, clusters });
  const meanBySet = (side: 'before' | 'after'): number =>
    meanOf(sets.map(({ set }) => meanOf(lines.filter((line) => (line.set ?? '') === set).map((line) => line[side]))));
  return {
    ...found,
    before: meanBySet('before'),
    after: meanBySet('after'),
    queries: lines.length,
    sets: sets.length,
    byReplica: read.map((_, replica) => meanOf(differences.map((of) => meanOf(of[replica] ?? [])))),
    clusters: clusters.flat().length,
    detectable: (1.959964 + 0.841621) * found.standardError,
    lines,
  };
}

/** Positions of the queries by cluster, in the order in which clusters first appear. */
function clustersOf(ids: readonly string[], clusterOf: (query: string) => string): number[][] {
  const clusters = new Map<string, number[]>();
  for (const [at, id] of ids.entries()) {
    const cluster = clusterOf(id);
    clusters.set(cluster, [...(clusters.get(cluster) ?? []), at]);
  }
  return [...clusters.values()];
}

const valueOf = (figures: Figures, set: string, query: string): number => figures.get(set)?.get(query) ?? NaN;
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function requireSameQueries(a: Figures, b: Figures): void {
  const keys = (figures: Figures): Set<string> =>
    new Set([...figures].flatMap(([set, queries]) => [...queries.keys()].map((query) => JSON.stringify([set, query]))));
  const [left, right] = [keys(a), keys(b)];
  const unpaired = [...left].find((key) => !right.has(key)) ?? [...right].find((key) => !left.has(key));
  if (unpaired === undefined) return;
  const [set, query] = JSON.parse(unpaired) as [string, string];
  throw dataError(
    'queries.jsonl',
    null,
    `query ${JSON.stringify(query)}${set === '' ? '' : ` of ${set}`} is in one report only; compare reports of the same data sets, split and number of queries`,
  );
}

async function readFigures(dir: string, name: FigureName, mode: EvaluationMode): Promise<Figures> {
  const figures: Figures = new Map();
  const shape = `an object with \`query\`, \`mode\` and the number \`${name}\``;
  for await (const { value, line, at } of readJsonl(join(dir, 'queries.jsonl'), 'queries.jsonl', shape)) {
    const query = stringField(value, 'query', at);
    if (!isObject(value) || value['mode'] !== mode) continue;
    const found = value[name];
    if (typeof found !== 'number') throw dataError('queries.jsonl', line, `expected ${shape}`);
    const set = typeof value['set'] === 'string' ? value['set'] : '';
    const own = figures.get(set) ?? new Map<string, number>();
    figures.set(set, own.set(query, found));
  }
  if (figures.size === 0)
    throw dataError(
      'queries.jsonl',
      null,
      `there is nothing of the mode ${mode}; ask eval.retrieval for it in \`modes\``,
    );
  return figures;
}

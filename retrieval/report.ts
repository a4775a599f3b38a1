// From ranks to a report: figures by query, by mode, and over several data sets.
import type { Report } from '../schemas/generated/report.js';
import { bootstrapSets } from './bootstrap.js';
import {
  averagePrecision,
  bestRank,
  discount,
  ndcgAt,
  recallAt,
  reciprocalRankAt,
  type JudgedRank,
} from './metrics.js';

export const evaluationModes = ['plain', 'greedy', 'sampled', 'bm25'] as const;
export type EvaluationMode = (typeof evaluationModes)[number];

/** One way of asking a query: the judged relevant documents with their ranks; null = it has no embedding. */
export interface SampleRanks {
  judged: readonly JudgedRank[] | null;
  /** Of a generated reasoning: whether it is well formed exactly. */
  strict?: boolean;
}

const figures = {
  ndcg_at_1: (judged: readonly JudgedRank[]) => ndcgAt(judged, 1),
  ndcg_at_10: (judged: readonly JudgedRank[]) => ndcgAt(judged, 10),
  recall_at_10: (judged: readonly JudgedRank[]) => recallAt(judged, 10),
  recall_at_100: (judged: readonly JudgedRank[]) => recallAt(judged, 100),
  mrr_at_10: (judged: readonly JudgedRank[]) => reciprocalRankAt(judged, 10),
  map: averagePrecision,
  /** What a rollout at the best rank is worth. */
  reward: (judged: readonly JudgedRank[]) => discountOf(bestRank(judged)),
} satisfies Record<string, (judged: readonly JudgedRank[]) => number>;

export type FigureName = keyof typeof figures;
export const figureNames = Object.keys(figures) as FigureName[];

/** A line of queries.jsonl in a report; figures are means over the samples. */
export type QueryFigures = {
  query: string;
  /** Name of the data set, where there are several. */
  set?: string;
  mode: EvaluationMode;
  ranks: (number | null)[];
  /** Share of the samples with an embedding. */
  valid: number;
  /** Share of the generated reasonings that are well formed exactly. */
  strict?: number;
  /** Whether no relevant document is relevant to a query of the splits that were named. */
  unseen?: boolean;
} & Record<FigureName, number>;

/** Figures of one query in one mode. A sample without an embedding has 0 everywhere. Pure. */
export function queryFigures(query: string, mode: EvaluationMode, samples: readonly SampleRanks[]): QueryFigures {
  const mean = (of: (sample: SampleRanks) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const means = Object.entries(figures).map(([name, of]) => [
    name,
    mean(({ judged }) => (judged === null ? 0 : of(judged))),
  ]);
  const isGenerated = samples.some(({ strict }) => strict !== undefined);
  return {
    query,
    mode,
    ranks: samples.map(({ judged }) => (judged === null ? null : bestRank(judged))),
    valid: mean(({ judged }) => Number(judged !== null)),
    ...(isGenerated ? { strict: mean(({ strict }) => Number(strict === true)) } : {}),
    ...(Object.fromEntries(means) as Record<FigureName, number>),
  };
}

/**
 * Figures of one mode: means over the queries of each set, then over sets, with the ends of their 95 % bootstrap intervals;
 * the shares of samples that have an embedding, and that are well formed exactly. Pure.
 */
export function modeFigures(sets: readonly (readonly QueryFigures[])[]): Report['modes'][string] {
  const mean = (of: (line: QueryFigures) => number): number =>
    meanOf(sets.map((lines) => meanOf(lines.map((line) => of(line)))));
  const out: Record<string, number | null> = { valid_fraction: mean(({ valid }) => valid) };
  if (sets.every((lines) => lines.every(({ strict }) => strict !== undefined)))
    out['strict_fraction'] = mean(({ strict }) => strict ?? 0);
  for (const name of figureNames) {
    const interval = bootstrapSets(sets.map((lines) => lines.map((line) => line[name])));
    out[name] = interval.mean;
    out[`${name}_low`] = interval.low;
    out[`${name}_high`] = interval.high;
  }
  return out;
}

const discountOf = (rank: number | null): number => (rank === null ? 0 : discount(rank));
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const prefixes: Record<EvaluationMode, string> = { plain: '', greedy: 'greedy_', sampled: 'sampled_', bm25: 'bm25_' };

/** The metrics that eval.retrieval declares: `<mode>_<figure>`, plain without a prefix; null for a mode that was not asked for. Pure. */
export function declaredMetrics({ modes, unseen }: Pick<Report, 'modes' | 'unseen'>): Record<string, number | null> {
  const names = ['valid_fraction', 'strict_fraction', ...figureNames];
  const metrics: Record<string, number | null> = {};
  for (const mode of evaluationModes) {
    const isGenerated = mode === 'greedy' || mode === 'sampled';
    for (const name of names.filter((one) => isGenerated || !one.endsWith('_fraction')))
      metrics[`${prefixes[mode]}${name}`] = modes[mode]?.[name] ?? null;
    for (const name of ['ndcg_at_10', 'recall_at_100'])
      metrics[`unseen_${prefixes[mode]}${name}`] = unseen?.modes[mode]?.[name] ?? null;
  }
  return { ...metrics, unseen_queries: unseen?.queries ?? null };
}

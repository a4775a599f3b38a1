// From ranks to a report: figures by query and by mode.
import type { Report } from '../schemas/generated/report.js';
import { bootstrapMean } from './bootstrap.js';
import { bestRank, ndcgAt, recallAt, reciprocalRankAt, type JudgedRank } from './metrics.js';
import { rewardOf } from './reward.js';

export type EvaluationMode = 'plain' | 'greedy' | 'sampled' | 'bm25';

/** Per query, per sample: the judged relevant documents with their ranks; null = the sample has no embedding. */
export type ModeRanks = readonly (readonly (readonly JudgedRank[] | null)[])[];

export const figureNames = ['ndcg_at_10', 'recall_at_100', 'mrr_at_10', 'reward'] as const;
export type FigureName = (typeof figureNames)[number];

/** A line of queries.jsonl in a report; figures are means over the samples. */
export type QueryFigures = { query: string; mode: EvaluationMode; ranks: (number | null)[] } & Record<
  FigureName,
  number
>;

/** Figures of each query in one mode. A sample without an embedding has 0 everywhere. Pure. */
export function queryFigures(mode: EvaluationMode, ids: readonly string[], ranks: ModeRanks): QueryFigures[] {
  return ids.map((query, i) => {
    const samples = ranks[i] ?? [];
    const mean = (of: (judged: readonly JudgedRank[]) => number): number =>
      samples.reduce((sum, judged) => sum + (judged === null ? 0 : of(judged)), 0) / samples.length;
    return {
      query,
      mode,
      ranks: samples.map((judged) => (judged === null ? null : bestRank(judged))),
      ndcg_at_10: mean((judged) => ndcgAt(judged, 10)),
      recall_at_100: mean((judged) => recallAt(judged, 100)),
      mrr_at_10: mean((judged) => reciprocalRankAt(judged, 10)),
      reward: mean((judged) => rewardOf(bestRank(judged), { reward: 'dcg', k: 10, malformed: 0 })),
    };
  });
}

/** Means over queries with the ends of their 95 % bootstrap intervals, and how many samples had an embedding. Pure. */
export function modeFigures({
  queries,
  ranks,
}: {
  queries: readonly QueryFigures[];
  ranks: ModeRanks;
}): Report['modes'][string] {
  const samples = ranks.flat();
  const figures: Record<string, number | null> = {
    valid_fraction: samples.filter((one) => one !== null).length / samples.length,
  };
  for (const name of figureNames) {
    const interval = bootstrapMean(queries.map((query) => query[name]));
    figures[name] = interval.mean;
    figures[`${name}_low`] = interval.low;
    figures[`${name}_high`] = interval.high;
  }
  return figures;
}

/** The metrics that eval.retrieval declares; null for a mode that was not asked for. Pure. */
export function declaredMetrics(modes: Report['modes']): Record<string, number | null> {
  const figure = (mode: EvaluationMode, name: string): number | null => modes[mode]?.[name] ?? null;
  return {
    ndcg_at_10: figure('plain', 'ndcg_at_10'),
    recall_at_100: figure('plain', 'recall_at_100'),
    mrr_at_10: figure('plain', 'mrr_at_10'),
    greedy_ndcg_at_10: figure('greedy', 'ndcg_at_10'),
    greedy_recall_at_100: figure('greedy', 'recall_at_100'),
    greedy_valid_fraction: figure('greedy', 'valid_fraction'),
    sampled_ndcg_at_10: figure('sampled', 'ndcg_at_10'),
    sampled_reward: figure('sampled', 'reward'),
    bm25_ndcg_at_10: figure('bm25', 'ndcg_at_10'),
    bm25_recall_at_100: figure('bm25', 'recall_at_100'),
  };
}

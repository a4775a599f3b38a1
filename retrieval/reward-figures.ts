// What the rewards of an iteration look like: over all samples, and within the groups of a query.
import type { Reward } from './reward.js';

export interface Rewarded extends Reward {
  /** Rank of the best-ranked positive; null is a malformed sample. */
  rank: number | null;
}

/** Figures of samples in groups of `group`; `plainRanks` has one a query. Null where there is nothing to measure. Pure. */
export function rewardFigures(
  samples: readonly Rewarded[],
  group: number,
  plainRanks: readonly number[],
): Record<string, number | null> {
  const rewards = samples.map(({ reward }) => reward);
  const valid = samples.flatMap((sample, i) =>
    sample.rank === null ? [] : [{ ...sample, rank: sample.rank, plain: plainRanks[Math.floor(i / group)] as number }],
  );
  const groups = Array.from({ length: samples.length / group }, (_, g) => samples.slice(g * group, (g + 1) * group));
  const share = (test: (own: readonly Rewarded[]) => boolean): number => groups.filter(test).length / groups.length;
  const within = (k: number): number => valid.filter(({ rank }) => rank <= k).length / samples.length;
  return {
    reward_mean: mean(rewards),
    reward_std: std(rewards),
    group_std: mean(groups.map((own) => std(own.map(({ reward }) => reward)))),
    score_mean: mean(valid.map(({ score }) => score as number)),
    length_mean: mean(valid.map(({ length }) => length as number)),
    overlong_mean: mean(valid.map(({ overlong }) => overlong as number)),
    repetition_mean: mean(valid.flatMap(({ repetition }) => (typeof repetition === 'number' ? [repetition] : []))),
    malformed_fraction: 1 - valid.length / samples.length,
    rank_median: median(valid.map(({ rank }) => rank)),
    hit_at_1: within(1),
    hit_at_10: within(10),
    zero_std_fraction: share((own) => own.every(({ reward }) => Math.abs(reward - (own[0] as Rewarded).reward) < 1e-9)),
    all_best_fraction: share((own) => own.every(({ rank }) => rank === 1)),
    all_malformed_fraction: share((own) => own.every(({ rank }) => rank === null)),
    plain_rank_median: median(plainRanks),
    better_fraction: valid.length === 0 ? null : valid.filter(({ rank, plain }) => rank < plain).length / valid.length,
    worse_fraction: valid.length === 0 ? null : valid.filter(({ rank, plain }) => rank > plain).length / valid.length,
  };
}

/** The mean, null of none. Pure. */
const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Standard deviation of the population. Pure. */
function std(values: readonly number[]): number {
  const middle = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / values.length);
}

/** The middle value, the mean of the two middle ones, or null for none. Pure. */
export function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

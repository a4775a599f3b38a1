// From a rank to a reward.

export interface RewardRule {
  /** dcg: 1/log2(1+rank) at any rank; ndcg: the same within `k`, else 0 (one relevant: the ideal is 1); rr: 1/rank. */
  reward: 'dcg' | 'ndcg' | 'rr';
  k: number;
  /** What a sample without an embedding gets. */
  malformed: number;
}

/** Gain of a document at a rank, from 1: 1/log2(1 + rank) (Järvelin and Kekäläinen, 2002). Pure. */
export const discount = (rank: number): number => 1 / Math.log2(1 + rank);

/** Reward of a rank; null is a sample without an embedding. Pure. */
export function rewardOf(rank: number | null, rule: RewardRule): number {
  if (rank === null) return rule.malformed;
  switch (rule.reward) {
    case 'dcg':
      return discount(rank);
    case 'ndcg':
      return rank <= rule.k ? discount(rank) : 0;
    case 'rr':
      return 1 / rank;
  }
}

/** What a set of rewards, in groups of `group`, looks like. `std` is that of the population. Pure. */
export function rewardFigures(
  ranks: readonly (number | null)[],
  rewards: readonly number[],
  group: number,
): { mean: number; std: number; rankMedian: number | null; zeroStdFraction: number; allBestFraction: number } {
  const mean = rewards.reduce((sum, value) => sum + value, 0) / rewards.length;
  const std = Math.sqrt(rewards.reduce((sum, value) => sum + (value - mean) ** 2, 0) / rewards.length);
  const groups = rewards.length / group;
  let equal = 0;
  let best = 0;
  for (let g = 0; g < groups; g++) {
    const own = rewards.slice(g * group, (g + 1) * group);
    if (own.every((value) => Math.abs(value - (own[0] as number)) < 1e-9)) equal++;
    if (ranks.slice(g * group, (g + 1) * group).every((rank) => rank === 1)) best++;
  }
  const known = ranks.filter((rank) => rank !== null);
  return { mean, std, rankMedian: median(known), zeroStdFraction: equal / groups, allBestFraction: best / groups };
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

// Figures of rewards over samples, and within groups.
import { describe, expect, it } from 'vitest';
import { median, rewardFigures, type Rewarded } from '../../retrieval/reward-figures.js';

const of = (ranks: (number | null)[], rewards: number[]): Rewarded[] =>
  ranks.map((rank, i) => {
    const reward = rewards[i] as number;
    return rank === null
      ? { rank, reward, score: null, format: null, length: null, overlong: null }
      : { rank, reward, score: reward, format: 1, length: -0.5, overlong: 0 };
  });

describe('rewardFigures', () => {
  it('has the known mean and population standard deviation', () => {
    const figures = rewardFigures(of([1, 2, 3, null], [1, 0.63093, 0.5, 0]), 4, [2]);
    expect(figures['reward_mean']).toBeCloseTo(0.532732, 5);
    expect(figures['reward_std']).toBeCloseTo(0.35807, 5);
    expect(figures['group_std']).toBeCloseTo(0.35807, 5);
    expect(figures).toMatchObject({ rank_median: 2, malformed_fraction: 0.25, length_mean: -0.5, overlong_mean: 0 });
  });

  it('counts groups of equal rewards, those of rank 1 throughout and those without a valid sample', () => {
    const samples = of([1, 1, 3, 3, 1, 2, null, null], [1, 1, 0.5, 0.5, 1, 0.63, 0, 0]);
    const figures = rewardFigures(samples, 2, [1, 1, 1, 1]);
    expect(figures).toMatchObject({ zero_std_fraction: 0.75, all_best_fraction: 0.25, all_malformed_fraction: 0.25 });
    expect(figures['group_std']).toBeCloseTo((0 + 0 + 0.185 + 0) / 4, 12);
  });

  it('counts hits over all samples, and compares valid ones with their query without reasoning', () => {
    const figures = rewardFigures(of([1, 4, 11, null], [1, 0.4, 0.3, 0]), 2, [2, 11]);
    expect(figures).toMatchObject({ hit_at_1: 0.25, hit_at_10: 0.5, plain_rank_median: 6.5 });
    expect(figures['better_fraction']).toBeCloseTo(1 / 3, 12);
    expect(figures['worse_fraction']).toBeCloseTo(1 / 3, 12);
  });

  it('has no figure of valid samples without one', () => {
    const figures = rewardFigures(of([null, null], [-1, -1]), 2, [3]);
    expect(figures).toMatchObject({ reward_mean: -1, score_mean: null, rank_median: null, better_fraction: null });
    expect(median([5, 1, 2, 4])).toBe(3);
  });
});

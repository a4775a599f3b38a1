// Golden values of the rewards.
import { describe, expect, it } from 'vitest';
import { discount, median, rewardFigures, rewardOf, type RewardRule } from '../../retrieval/reward.js';

const rule = (reward: RewardRule['reward']): RewardRule => ({ reward, k: 10, malformed: 0 });

describe('rewardOf', () => {
  it.each([
    [1, 1],
    [2, 0.63093],
    [3, 0.5],
    [4, 0.430677],
    [5, 0.386853],
    [10, 0.289065],
    [100, 0.15019],
  ])('discounts rank %i to %f', (rank, expected) => {
    expect(discount(rank)).toBeCloseTo(expected, 6);
    expect(rewardOf(rank, rule('dcg'))).toBeCloseTo(expected, 6);
  });

  it('cuts ndcg off behind k and nothing else', () => {
    expect(rewardOf(10, rule('ndcg'))).toBeCloseTo(0.289065, 6);
    expect(rewardOf(11, rule('ndcg'))).toBe(0);
    expect(rewardOf(11, rule('dcg'))).toBeGreaterThan(0);
    expect(rewardOf(4, rule('rr'))).toBe(0.25);
  });

  it('gives a malformed sample what was asked for', () => {
    expect(rewardOf(null, { ...rule('dcg'), malformed: -0.5 })).toBe(-0.5);
  });
});

describe('rewardFigures', () => {
  it('has the known mean and population standard deviation', () => {
    const figures = rewardFigures([1, 2, 3, null], [1, 0.63093, 0.5, 0], 4);
    expect(figures.mean).toBeCloseTo(0.532732, 5);
    expect(figures.std).toBeCloseTo(0.35807, 5);
    expect(figures.rankMedian).toBe(2);
  });

  it('counts groups of equal rewards, and those of rank 1 throughout', () => {
    const figures = rewardFigures([1, 1, 3, 3, 1, 2, null, null], [1, 1, 0.5, 0.5, 1, 0.63, 0, 0], 2);
    expect(figures.zeroStdFraction).toBe(0.75);
    expect(figures.allBestFraction).toBe(0.25);
  });

  it('has no median without a valid sample', () => {
    expect(median([])).toBeNull();
    expect(median([5, 1, 2, 4])).toBe(3);
  });
});

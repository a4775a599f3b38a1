// Golden values of the scores and terms of a reward, and rules that contradict themselves.
import { describe, expect, it } from 'vitest';
import { discount } from '../../retrieval/metrics.js';
import { faultOf, lengthTerm, overlongTerm, rewardOf, scoreOf, type RewardRule } from '../../retrieval/reward.js';

const score = (reward: RewardRule['reward'], ranks: number[], k = 0, documents = 1000): number =>
  scoreOf({ reward, k, gain: 'binary' }, { ranks, grades: null }, documents);

const rule: RewardRule = {
  reward: 'dcg',
  k: 0,
  gain: 'binary',
  scale: 'unit',
  weights: { rank: 1, format: 0, length: 0, overlong: 1, repetition: 0 },
  length: { low: 0, high: 0 },
  overlong: 0,
  malformed: null,
};
const scene = { documents: 100, longest: 20 };

describe('scoreOf', () => {
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
    expect(score('dcg', [rank, rank + 1])).toBeCloseTo(expected, 6);
    expect(score('ndcg', [rank], 100)).toBeCloseTo(expected, 6);
    expect(score('rr', [rank])).toBe(1 / rank);
  });

  it('cuts off behind k: ndcg at 10 where nothing is said, the others nowhere', () => {
    expect([score('ndcg', [10]), score('ndcg', [11])]).toEqual([discount(10), 0]);
    expect([score('ndcg', [20], 20), score('ndcg', [21], 20)]).toEqual([discount(20), 0]);
    expect([score('dcg', [11]), score('dcg', [11], 10), score('dcg', [10], 10)]).toEqual([
      discount(11),
      0,
      discount(10),
    ]);
    expect([score('rr', [11]), score('rr', [11], 10)]).toEqual([1 / 11, 0]);
  });

  it('weighs all positives in ndcg against the best that could be, and the first alone elsewhere', () => {
    expect(score('ndcg', [1, 2])).toBe(1);
    expect(score('ndcg', [1, 3])).toBeCloseTo((1 + 0.5) / (1 + 0.63093), 5);
    expect(score('ndcg', [1, 11])).toBeCloseTo(1 / (1 + 0.63093), 5);
    expect(score('dcg', [2, 3])).toBe(discount(2));
  });

  it('falls with the logarithm of the rank from 1 to 0 at the last document, or behind k', () => {
    expect([score('logrank', [1], 0, 1), score('logrank', [1]), score('logrank', [1000])]).toEqual([1, 1, 0]);
    expect(score('logrank', [10], 0, 1000)).toBeCloseTo(2 / 3, 12);
    expect(score('logrank', [10], 99)).toBeCloseTo(1 / 2, 12);
    expect([score('logrank', [99], 99) > 0, score('logrank', [100], 99)]).toEqual([true, 0]);
  });
});

describe('gains by grade', () => {
  // Grades 1, 3 and 2 at the ranks 1, 2 and 5, by hand: 1/log2(1 + r) is 1, .63093 and .386853; the ideal is 3, 2, 1 at 1, 2, 3.
  const ranking = { ranks: [1, 2, 5], grades: [1, 3, 2] };
  const of = (reward: 'dcg' | 'ndcg', gain: RewardRule['gain'], k = 0, given = ranking): number =>
    scoreOf({ reward, k, gain }, given, 1000);

  it('weigh nDCG and its ideal: 1, the grade, or 2^grade - 1', () => {
    expect(of('ndcg', 'binary')).toBeCloseTo(2.017783 / 2.13093, 5);
    expect(of('ndcg', 'linear')).toBeCloseTo((1 + 3 * 0.63093 + 2 * 0.386853) / (3 + 2 * 0.63093 + 0.5), 5);
    expect(of('ndcg', 'exponential')).toBeCloseTo((1 + 7 * 0.63093 + 3 * 0.386853) / (7 + 3 * 0.63093 + 0.5), 5);
    expect(of('ndcg', 'exponential', 2)).toBeCloseTo((1 + 7 * 0.63093) / (7 + 3 * 0.63093), 5);
  });

  it('weigh the rank that counts most in dcg, by the largest gain of the query', () => {
    expect(of('dcg', 'binary')).toBe(1);
    expect(of('dcg', 'linear')).toBeCloseTo(0.63093, 5); // 3 x .63093 is more than 1 x 1
    expect(of('dcg', 'linear', 1)).toBeCloseTo(1 / 3, 12);
    expect(of('dcg', 'exponential', 1)).toBeCloseTo(1 / 7, 12);
    expect(of('dcg', 'exponential', 0, { ranks: [1, 100, 5], grades: [1, 3, 2] })).toBeCloseTo((3 * 0.386853) / 7, 5);
    expect(of('dcg', 'exponential', 4, { ranks: [9, 8, 5], grades: [1, 3, 2] })).toBe(0);
  });

  it('are the plain score where all grades are 1', () => {
    const grades = [1, 1, 1];
    for (const gain of ['linear', 'exponential'] as const)
      for (const reward of ['dcg', 'ndcg'] as const)
        expect(of(reward, gain, 10, { ranks: [7, 3, 4], grades })).toBe(
          of(reward, 'binary', 10, { ranks: [7, 3, 4], grades }),
        );
  });
});

describe('terms of length', () => {
  it('cost nothing within the target and 1 at its worst', () => {
    const target = { low: 4, high: 10 };
    const found = [0, 2, 4, 10, 15, 20, 25].map((tokens) => lengthTerm(target, tokens, 20));
    expect(found).toEqual([-1, -0.5, 0, 0, -0.5, -1, -1]);
    expect(lengthTerm({ low: 0, high: 0 }, 20, 20)).toBe(0);
  });

  it('punish the last tokens before the limit in a line, as DAPO does', () => {
    expect([10, 16, 18, 20, 21].map((tokens) => overlongTerm(4, tokens, 20))).toEqual([0, 0, -0.5, -1, -1]);
    expect(overlongTerm(0, 20, 20)).toBe(0);
  });
});

describe('rewardOf', () => {
  const sample = { ranks: [3], plainRanks: [1], grades: null, tokens: 18, reasoning: [] };

  it('adds the weighted terms and reports each apart', () => {
    const whole: RewardRule = {
      ...rule,
      weights: { rank: 2, format: 0.25, length: 0.5, overlong: 0.1, repetition: 0 },
      length: { low: 0, high: 16 },
      overlong: 4,
    };
    const found = rewardOf(whole, sample, scene);
    expect(found).toMatchObject({ score: 0.5, format: 1, length: -0.5, overlong: -0.5 });
    expect(found.reward).toBeCloseTo(2 * 0.5 + 0.25 - 0.25 - 0.05, 12);
  });

  it('is the score alone, signed, or against the query without reasoning', () => {
    expect(rewardOf(rule, sample, scene).reward).toBe(0.5);
    expect(rewardOf({ ...rule, scale: 'signed' }, sample, scene).reward).toBe(0);
    expect(rewardOf({ ...rule, scale: 'relative' }, sample, scene).reward).toBe(-0.5);
  });

  it('takes off the share of a reasoning that goes round, where that has a weight', () => {
    const weights = { ...rule.weights, repetition: 0.5 };
    const round = { ...sample, reasoning: [9, 9, 1, 1, 1, 1, 1, 1, 1, 1] };
    const { reward } = rewardOf(rule, round, scene);
    expect(rewardOf({ ...rule, weights }, round, scene)).toMatchObject({ reward: reward - 0.4, repetition: -0.8 });
    expect(rewardOf(rule, round, scene)).not.toHaveProperty('repetition');
    const malformed = rewardOf({ ...rule, weights }, { ...round, ranks: null }, scene);
    expect(malformed).toMatchObject({ reward: -0.5, repetition: null });
  });

  it('gives a malformed sample the least that the terms can come to, or what is said', () => {
    const malformed = { ...sample, ranks: null };
    const reward = (change: Partial<RewardRule>): number => rewardOf({ ...rule, ...change }, malformed, scene).reward;
    expect(reward({})).toBe(0);
    expect(reward({ scale: 'relative' })).toBe(-1);
    expect(reward({ overlong: 4, weights: { rank: 1, format: 1, length: 0.5, overlong: 0.25, repetition: 0 } })).toBe(
      -0.75,
    );
    expect(reward({ malformed: -3 })).toBe(-3);
    expect(rewardOf(rule, malformed, scene)).toMatchObject({ score: null, format: null, length: null, overlong: null });
  });
});

describe('faultOf', () => {
  const weights = { rank: 1, format: 0, length: 0.1, overlong: 1, repetition: 0 };
  it.each<[string, Partial<RewardRule>, RegExp]>([
    ['a target out of reach', { weights, length: { low: 21, high: 0 } }, /no sample can have more than 20 tokens/],
    ['a bound that binds nothing', { weights, length: { low: 0, high: 20 } }, /it does nothing/],
    ['a punishment of all', { overlong: 20 }, /every sample would be punished/],
  ])('says what is wrong with %s', (_, change, message) => {
    expect(faultOf({ ...rule, ...change }, 20)).toMatch(message);
  });

  it('has nothing against what fits', () => {
    expect(faultOf(rule, 20)).toBeNull();
    expect(faultOf({ ...rule, malformed: 0 }, 20)).toBeNull();
    expect(faultOf({ ...rule, weights, length: { low: 4, high: 16 }, overlong: 4, malformed: -2 }, 20)).toBeNull();
  });
});

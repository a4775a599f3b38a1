// Golden values of the metrics and rewards.
import { describe, expect, it } from 'vitest';
import { bestRank, ndcgAt, recallAt, reciprocalRankAt, type JudgedRank } from '../../retrieval/metrics.js';

// Run gains [3, 0, 2, 0, 1]; the relevant documents have grades 3, 2, 1 and 1, the last of which was not retrieved.
const judged: JudgedRank[] = [
  { grade: 3, rank: 1 },
  { grade: 2, rank: 3 },
  { grade: 1, rank: 5 },
  { grade: 1, rank: null },
];

describe('metrics', () => {
  it('gives the known nDCG@5 with linear and with exponential gain', () => {
    expect(ndcgAt(judged, 5)).toBeCloseTo(0.844838, 6);
    expect(ndcgAt(judged, 5, 'exponential')).toBeCloseTo(0.904656, 6);
  });

  it('cuts the ideal at k, so that a perfect first place is 1 at k = 1', () => {
    expect(ndcgAt(judged, 1)).toBe(1);
  });

  it('counts only the first k for recall and reciprocal rank', () => {
    expect(recallAt(judged, 100)).toBe(0.75);
    expect(recallAt(judged, 3)).toBe(0.5);
    expect(
      reciprocalRankAt(
        [
          { grade: 1, rank: 4 },
          { grade: 1, rank: 11 },
        ],
        10,
      ),
    ).toBe(0.25);
    expect(reciprocalRankAt([{ grade: 1, rank: 11 }], 10)).toBe(0);
  });

  it('is 0 where nothing was retrieved', () => {
    const nothing = [{ grade: 1, rank: null }];
    expect([ndcgAt(nothing, 10), recallAt(nothing, 100), reciprocalRankAt(nothing, 10), bestRank(nothing)]).toEqual([
      0,
      0,
      0,
      null,
    ]);
  });
});

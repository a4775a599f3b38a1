// Fidelity of a stale index, on vectors whose ranks are known.
import { describe, expect, it } from 'vitest';
import { countNotBelow, topRows } from '../../retrieval/exact-search.js';
import { fidelityOf } from '../../retrieval/fidelity.js';
import { indexFromVectors } from '../../retrieval/vector-index.js';

const angles = (degrees: number[]): Float32Array =>
  Float32Array.from(degrees.flatMap((d) => [Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)]));
const common = {
  queries: angles([0]),
  positives: [[0]],
  duplicatesOf: () => [],
  count: countNotBelow,
  search: topRows,
};

describe('fidelityOf', () => {
  it('is perfect for the same vectors', async () => {
    const index = indexFromVectors(angles([5, 10, 20]), 2);
    expect(await fidelityOf({ ...common, served: index, full: index })).toEqual({
      recallAt10: 1,
      rankShift: 0,
      rewardGap: 0,
    });
  });

  it('has a positive gap where the served index flatters: the gold is fresh, the rest is stale', async () => {
    const full = indexFromVectors(angles([5, 2, 3]), 2);
    const served = indexFromVectors(angles([5, 20, 30]), 2);
    expect(await fidelityOf({ ...common, served, full })).toEqual({ recallAt10: 1, rankShift: 2, rewardGap: 0.5 });
  });

  it('counts which of the first ten are missing', async () => {
    const own = (shifted: number): number[] => Array.from({ length: 40 }, (_, i) => (i < shifted ? 90 + i : i));
    const result = await fidelityOf({
      ...common,
      served: indexFromVectors(angles(own(3)), 2),
      full: indexFromVectors(angles(own(0)), 2),
    });
    expect(result.recallAt10).toBeCloseTo(0.7, 6);
  });
});

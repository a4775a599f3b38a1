// Fidelity of a stale index, on vectors whose ranks are known.
import { describe, expect, it } from 'vitest';
import { fidelityOf } from '../../retrieval/fidelity.js';
import { indexFromVectors } from '../../retrieval/vector-index.js';
import { directSearch } from './refresh/refresh-input.js';

const angles = (degrees: number[]): Float32Array =>
  Float32Array.from(degrees.flatMap((d) => [Math.cos((d * Math.PI) / 180), Math.sin((d * Math.PI) / 180)]));
const common = {
  samples: { embeddings: angles([0]), positives: [[0]], groups: [0] },
  duplicatesOf: () => [],
  search: directSearch,
};

describe('fidelityOf', () => {
  it('is perfect for the same vectors', async () => {
    const index = indexFromVectors(angles([5, 10, 20]), 2);
    expect(await fidelityOf({ ...common, served: index, full: index })).toEqual({
      recallAt10: 1,
      rankShift: 0,
      rewardGap: 0,
      drift: expect.closeTo(0, 6) as number,
      pairAgreement: null,
      spearman: null,
      advantageCosine: null,
    });
  });

  it('has a positive gap where the served index flatters: the gold is fresh, the rest is stale', async () => {
    const full = indexFromVectors(angles([5, 2, 3]), 2);
    const served = indexFromVectors(angles([5, 20, 30]), 2);
    expect(await fidelityOf({ ...common, served, full })).toMatchObject({
      recallAt10: 1,
      rankShift: 2,
      rewardGap: 0.5,
    });
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

  it('compares orders within groups, by the ranks that the reward uses', async () => {
    const samples = { embeddings: angles([0, 9]), positives: [[0], [0]], groups: [0, 0] };
    const full = indexFromVectors(angles([0, 4, 20]), 2);
    // Served, the second document is too far away to come between.
    const served = indexFromVectors(angles([0, 30, 20]), 2);
    expect(await fidelityOf({ ...common, samples, served, full })).toMatchObject({ pairAgreement: 0, rankShift: 0.5 });
    expect(await fidelityOf({ ...common, samples, served, full, ranks: [1, 2.2] })).toMatchObject({ pairAgreement: 1 });
  });

  it('has the mean drift of the rows that have a direction', async () => {
    const full = indexFromVectors(angles([0, 60, 0]), 2);
    const served = indexFromVectors(Float32Array.of(1, 0, 1, 0, NaN, 0), 2);
    expect((await fidelityOf({ ...common, served, full })).drift).toBeCloseTo(0.25, 6);
  });
});

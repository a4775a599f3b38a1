// Bootstrap intervals: seeded, paired, and about as wide as theory says.
import { describe, expect, it } from 'vitest';
import { bootstrapMean, pairedBootstrap } from '../../retrieval/bootstrap.js';
import { seededRandom } from '../../retrieval/random.js';

const random = seededRandom(3, 'bootstrap test');
const values = Array.from({ length: 400 }, () => random.bits() / 2 ** 32);

describe('bootstrap', () => {
  it('is about the normal interval of a mean of many values', () => {
    const { mean, low, high } = bootstrapMean(values);
    const sd = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
    expect(high - low).toBeCloseTo((2 * 1.96 * sd) / Math.sqrt(400), 2);
    expect((low + high) / 2).toBeCloseTo(mean, 2);
  });

  it('gives the same interval for the same seed and another for another', () => {
    expect(bootstrapMean(values, { seed: 1 })).toEqual(bootstrapMean(values, { seed: 1 }));
    expect(bootstrapMean(values, { seed: 1 })).not.toEqual(bootstrapMean(values, { seed: 2 }));
  });

  it('sees a small constant gain through large differences between queries, because it pairs', () => {
    const gain = pairedBootstrap(
      values,
      values.map((x) => x + 0.01),
    );
    expect(gain.low).toBeCloseTo(0.01, 9);
    expect(gain.high).toBeCloseTo(0.01, 9);
  });
});

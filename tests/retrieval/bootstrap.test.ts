// Bootstrap intervals: seeded, paired, and about as wide as theory says.
import { describe, expect, it } from 'vitest';
import { bootstrapDifference, bootstrapMean, bootstrapSets, pairedBootstrap } from '../../retrieval/bootstrap.js';
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

  it('weighs sets alike, whatever their size', () => {
    const { mean, low, high } = bootstrapSets([values, [1, 1]]);
    const one = bootstrapMean(values);
    expect(mean).toBeCloseTo((one.mean + 1) / 2, 12);
    expect(high - low).toBeCloseTo((one.high - one.low) / 2, 2);
  });

  it('gives a p-value that is uniform when there is no difference, and small when there is one', () => {
    const drawn = seededRandom(5, 'null');
    const ps = Array.from({ length: 200 }, () =>
      bootstrapDifference([[Array.from({ length: 40 }, () => drawn.bits() / 2 ** 32 - 0.5)]], { resamples: 200 }),
    ).map(({ p }) => p);
    const share = (limit: number): number => ps.filter((p) => p <= limit).length / ps.length;
    expect(share(0.05)).toBeLessThan(0.12);
    expect(share(0.5)).toBeGreaterThan(0.38);
    expect(share(0.5)).toBeLessThan(0.62);
    expect(bootstrapDifference([[values]]).p).toBeLessThan(0.001);
    expect(bootstrapDifference([[values.map(() => 0)]])).toMatchObject({ p: 1, mean: 0, standardError: 0 });
  });

  it('widens the interval by what differs between replicas', () => {
    const replicas = [-0.2, 0, 0.2].map((shift) => values.map((x) => x + shift));
    const alone = bootstrapDifference([[values]]);
    const together = bootstrapDifference([replicas]);
    expect(together.mean).toBeCloseTo(alone.mean, 12);
    // Three replicas, drawn with replacement: the standard deviation of their mean.
    expect(together.standardError).toBeCloseTo(Math.hypot(alone.standardError, Math.sqrt(0.08 / 3 / 3)), 2);
  });
});

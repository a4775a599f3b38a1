// Strata: what is drawn at any size, and with which probability.
import { describe, expect, it } from 'vitest';
import { drawnOf, stratify } from '../../../retrieval/refresh/strata.js';

const rows = Array.from({ length: 50 }, (_, i) => 2 * i);
const weights = Float64Array.from({ length: 100 }, (_, row) => (row < 10 ? 4 : row < 40 ? 1 : 0));

describe('stratify', () => {
  it('holds every row once, the heavy ones in small strata', () => {
    const { rows: drawn, sizes, stratum } = stratify(rows, weights, 4, 1);
    expect(drawn.toSorted((a, b) => a - b)).toEqual(rows);
    expect(sizes).toHaveLength(4);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(50);
    expect(sizes[0]).toBeLessThan(sizes[3] as number);
    expect(stratum).toHaveLength(50);
  });

  it('draws each row of a stratum with the probability n_h / N_h', () => {
    const size = 17;
    const times = new Map(rows.map((row) => [row, 0]));
    const expected = new Map<number, number>();
    for (let seed = 0; seed < 800; seed++) {
      const strata = stratify(rows, weights, 4, seed);
      const drawn = drawnOf(strata, size);
      for (const row of strata.rows.slice(0, size)) times.set(row, (times.get(row) ?? 0) + 1);
      strata.rows.forEach((row, i) => {
        const h = strata.stratum[i] as number;
        expected.set(row, (drawn[h] as number) / (strata.sizes[h] as number));
      });
    }
    for (const [row, count] of times) {
      const p = expected.get(row) as number;
      // 4.5 standard deviations, over 50 rows.
      expect(Math.abs(count / 800 - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / 800) + 1e-9);
    }
  });

  it('only adds rows as the sample grows, some of every stratum before many of one', () => {
    const strata = stratify(rows, weights, 4, 2);
    for (let n = 4; n < 50; n++) {
      const [few, more] = [drawnOf(strata, n), drawnOf(strata, n + 1)];
      expect(Math.min(...few)).toBeGreaterThan(0);
      few.forEach((count, h) => {
        expect(more[h]).toBeGreaterThanOrEqual(count);
      });
    }
    expect(drawnOf(strata, 50)).toEqual(strata.sizes);
  });

  it('takes weights that are all zero', () => {
    expect(stratify(rows, new Float64Array(100), 4, 1).sizes.reduce((sum, size) => sum + size, 0)).toBe(50);
  });
});

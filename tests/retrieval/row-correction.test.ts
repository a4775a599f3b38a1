// A correction of stale rows: one row at a time, and in the blocks that searches read.
import { describe, expect, it } from 'vitest';
import { topRows } from '../../retrieval/exact-search.js';
import { moveRow, strengthsOf, type RowCorrection } from '../../retrieval/row-correction.js';
import { blocks } from '../../retrieval/search-blocks.js';
import { fromHalf } from '../../retrieval/half.js';
import {
  gatherRows,
  indexFromVectors,
  overwriteRows,
  vectorOf,
  type VectorIndex,
} from '../../retrieval/vector-index.js';
import { randomUnitVectors } from './random-vectors.js';

const dimension = 8;
/** A turn of the first two numbers by 90 degrees, and a shift of the last. */
const map = new Float32Array((dimension + 1) * dimension);
map.set([-1, 1], 0);
map.set([-1, -1], dimension);
map[dimension * dimension + 7] = 0.5;
const correction: RowCorrection = { map, strengths: Float32Array.of(1, 0.5) };

async function searched(index: VectorIndex): Promise<Float32Array> {
  const found: number[] = [];
  for await (const { vectors } of blocks(index))
    found.push(...(vectors instanceof Float32Array ? vectors : fromHalf(vectors)));
  return Float32Array.from(found);
}

describe('moveRow', () => {
  it('adds the step and normalises', () => {
    const row = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);
    const norm = Math.sqrt(1 + 0.25);
    expect([...moveRow(map, 1, row)].map((x) => +x.toFixed(6))).toEqual([0, +(1 / norm).toFixed(6), 0, 0, 0, 0, 0, +(0.5 / norm).toFixed(6)]); // prettier-ignore
  });

  it('leaves a row without a direction as it is', () => {
    expect([...moveRow(map, 1, new Float32Array(dimension))]).toEqual(Array(dimension).fill(0));
    expect([...moveRow(map, 1, new Float32Array(dimension).fill(NaN))].every(Number.isNaN)).toBe(true);
  });
});

describe.each(['float32', 'float16'] as const)('an index of %s with a correction', (type) => {
  const stored = indexFromVectors(randomUnitVectors(50, dimension, 1), dimension, 20 * dimension * 4, type);
  overwriteRows(stored, [3, 30], gatherRows(stored, [3, 30]), 1);
  overwriteRows(stored, [4, 31], gatherRows(stored, [4, 31]), 2);
  overwriteRows(stored, [5, 32], Float32Array.of(...Array<number>(dimension).fill(0), ...Array<number>(dimension).fill(NaN)), 0); // prettier-ignore
  const served = { ...stored, correction };

  it('is searched as it is read: rows of encoders that it names are moved, others are not', async () => {
    const [rows, all] = [await searched(served), gatherRows(served, [...Array(50).keys()])];
    const close = type === 'float32' ? 1e-6 : 2e-3;
    rows.forEach((x, i) => {
      if (Number.isNaN(all[i])) expect(x).toBeNaN();
      else expect(Math.abs(x - (all[i] as number))).toBeLessThan(close);
    });
    for (const row of [4, 31, 5]) expect([...vectorOf(served, row)]).toEqual([...vectorOf(stored, row)]);
    for (const row of [4, 31, 5])
      expect([...rows.subarray(row * dimension, (row + 1) * dimension)]).toEqual([...vectorOf(stored, row)]);
    expect([...vectorOf(served, 0)]).not.toEqual([...vectorOf(stored, 0)]);
    expect(Math.hypot(...vectorOf(served, 3))).toBeCloseTo(1, type === 'float32' ? 6 : 2);
  });

  it('stays as it is stored without it', async () => {
    expect(await searched(stored)).toEqual(gatherRows(stored, [...Array(50).keys()]));
  });

  it('finds what the moved rows are near to', async () => {
    const query = vectorOf(served, 10);
    const { rows } = await topRows({ index: served, queries: query, k: 1 });
    expect([...rows]).toEqual([10]);
  });
});

describe('strengthsOf', () => {
  it('is 0 for encoders that the correction does not name', () => {
    expect([...strengthsOf(correction, Uint16Array.of(0, 1, 2, 65_535))]).toEqual([1, 0.5, 0, 0]);
  });
});

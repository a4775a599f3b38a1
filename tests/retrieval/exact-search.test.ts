// The best documents of a query, against a plain sort.
import { describe, expect, it } from 'vitest';
import { topRows } from '../../retrieval/exact-search.js';
import { dot, indexFromVectors, vectorOf } from '../../retrieval/vector-index.js';
import { randomUnitVectors } from './random-vectors.js';

describe('topRows', () => {
  it('finds the best rows in order, from one shard and from many', async () => {
    const vectors = randomUnitVectors(300, 8, 1);
    const queries = randomUnitVectors(20, 8, 2);
    const index = indexFromVectors(vectors, 8);
    const found = await topRows({ index, queries, k: 7 });
    const expected = Array.from({ length: 20 }, (_, i) => {
      const query = queries.subarray(i * 8, (i + 1) * 8);
      const rows = Array.from({ length: 300 }, (_unused, row) => row);
      return rows.sort((a, b) => dot(query, vectorOf(index, b)) - dot(query, vectorOf(index, a))).slice(0, 7);
    });
    expect([...found.rows]).toEqual(expected.flat());
    expect([...(await topRows({ index: indexFromVectors(vectors, 8, 70 * 8 * 4), queries, k: 7 })).rows]).toEqual(
      expected.flat(),
    );
  });

  it('orders equal scores by row and gives no more rows than there are', async () => {
    const index = indexFromVectors(new Float32Array(3 * 2).fill(1), 2, 8);
    const found = await topRows({ index, queries: Float32Array.of(1, 1), k: 10 });
    expect([...found.rows]).toEqual([0, 1, 2]);
    expect(found.k).toBe(3);
  });
});

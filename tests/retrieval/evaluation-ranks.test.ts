// Evaluation order: score, then document number, both descending.
import { describe, expect, it } from 'vitest';
import { idOrderOf } from '../../retrieval/corpus.js';
import { evaluationRanks } from '../../retrieval/evaluation-ranks.js';
import { dot, indexFromVectors, vectorOf } from '../../retrieval/vector-index.js';
import { randomUnitVectors } from './random-vectors.js';

describe('evaluationRanks', () => {
  it('agrees with sorting the whole run, from one shard and from many', async () => {
    const vectors = randomUnitVectors(400, 12, 5);
    const queries = randomUnitVectors(140, 12, 6);
    const ids = Array.from({ length: 400 }, (_, row) => `d${row}`);
    const relevant = Array.from({ length: 140 }, (_, i) => [i, 399 - i]);
    const input = { queries, relevant, ignored: relevant.map(() => []), idOrder: idOrderOf(ids) };
    const index = indexFromVectors(vectors, 12);
    const expected = relevant.map((rows, i) => {
      const query = queries.subarray(i * 12, (i + 1) * 12);
      const sorted = ids
        .map((_, row) => row)
        .sort((a, b) => dot(query, vectorOf(index, b)) - dot(query, vectorOf(index, a)));
      return rows.map((row) => sorted.indexOf(row) + 1);
    });
    expect((await evaluationRanks({ ...input, index })).map((ranks) => [...ranks])).toEqual(expected);
    const cut = indexFromVectors(vectors, 12, 90 * 12 * 4);
    expect((await evaluationRanks({ ...input, index: cut })).map((ranks) => [...ranks])).toEqual(expected);
  });

  it('orders equal scores by document number, descending, as strings of bytes', async () => {
    const index = indexFromVectors(new Float32Array(4 * 2).fill(0.5), 2);
    const input = { index, queries: Float32Array.of(1, 0), idOrder: idOrderOf(['d2', 'd10', 'd9', 'é']) };
    const rankOf = async (row: number): Promise<number | undefined> =>
      (await evaluationRanks({ ...input, relevant: [[row]], ignored: [[]] }))[0]?.[0];
    expect([await rankOf(0), await rankOf(1), await rankOf(2), await rankOf(3)]).toEqual([3, 4, 2, 1]);
  });

  it('leaves ignored documents out', async () => {
    const index = indexFromVectors(Float32Array.of(0.5, 0, 1, 0, 0.9, 0), 2);
    const input = { index, queries: Float32Array.of(1, 0), relevant: [[0]], idOrder: idOrderOf(['a', 'b', 'c']) };
    expect((await evaluationRanks({ ...input, ignored: [[]] }))[0]?.[0]).toBe(3);
    expect((await evaluationRanks({ ...input, ignored: [[1]] }))[0]?.[0]).toBe(2);
  });

  it('puts a relevant document without a score last and others without one behind', async () => {
    const index = indexFromVectors(Float32Array.of(NaN, 0, 0.1, 0, 0.2, 0), 2);
    const input = { index, queries: Float32Array.of(1, 0), ignored: [[]], idOrder: idOrderOf(['a', 'b', 'c']) };
    expect((await evaluationRanks({ ...input, relevant: [[0]] }))[0]?.[0]).toBe(3);
    expect((await evaluationRanks({ ...input, relevant: [[1]] }))[0]?.[0]).toBe(2);
  });
});

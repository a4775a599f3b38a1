// Rows over shards.
import { describe, expect, it } from 'vitest';
import {
  encoderOf,
  gatherRows,
  indexFromVectors,
  overwriteRows,
  planShards,
  rowsIn,
  shardOf,
  vectorOf,
} from '../../retrieval/vector-index.js';

describe('the index in memory', () => {
  const vectors = Float32Array.from({ length: 14 }, (_, i) => i);

  it('cuts rows into shards that follow one another', () => {
    expect(planShards(7, 3)).toEqual([
      { first: 0, rows: 3 },
      { first: 3, rows: 3 },
      { first: 6, rows: 1 },
    ]);
    expect([rowsIn(1, 100, 'float32'), rowsIn(800, 100, 'float16')]).toEqual([1, 4]);
  });

  it('overwrites rows in place, in any shard, and says who made them', () => {
    const index = indexFromVectors(vectors, 2, 3 * 8);
    overwriteRows(index, [2, 6], Float32Array.of(-1, -2, -3, -4), 9);
    expect([...gatherRows(index, [6, 2, 5])]).toEqual([-3, -4, -1, -2, 10, 11]);
    expect([1, 2, 6].map((row) => encoderOf(index, row))).toEqual([0, 9, 9]);
    expect([...vectorOf(index, 3)]).toEqual([6, 7]);
  });

  it('treats a row outside as a bug', () => {
    expect(() => shardOf(indexFromVectors(vectors, 2), 7)).toThrow('Internal error: row 7 of an index of 7');
  });
});

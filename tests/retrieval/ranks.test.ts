// Ranks by counting against a plain loop, and the cases where ties, NaN and duplicates decide.
import { afterAll, describe, expect, it } from 'vitest';
import { countNotBelow } from '../../retrieval/exact-search.js';
import { positiveRanks, rewardRanks, tieMargin } from '../../retrieval/ranks.js';
import { createThreadPool } from '../../retrieval/thread-pool.js';
import { dot, indexFromVectors, vectorOf, type VectorIndex } from '../../retrieval/vector-index.js';
import { randomUnitVectors } from './random-vectors.js';

const noDuplicates = (): readonly number[] => [];
const pool = createThreadPool(1);
afterAll(() => pool.close());

/** The definition, read aloud. */
function plainRank(
  index: VectorIndex,
  query: Float32Array,
  positives: readonly number[],
  duplicates: (row: number) => readonly number[],
): number {
  const gold = Math.max(...positives.map((row) => dot(query, vectorOf(index, row))));
  const out = new Set(positives.flatMap((row) => [row, ...duplicates(row)]));
  let rank = 1;
  for (let row = 0; row < index.rows; row++) {
    if (!out.has(row) && !(dot(query, vectorOf(index, row)) < gold - tieMargin)) rank++;
  }
  return rank;
}

describe('rewardRanks', () => {
  const dimension = 24;
  const rows = 700;
  const vectors = randomUnitVectors(rows, dimension, 1);
  const queries = randomUnitVectors(150, dimension, 2);
  const positives = Array.from({ length: 150 }, (_, i) => (i % 3 === 0 ? [i, rows - 1 - i] : [i * 2]));
  const duplicatesOf = (row: number): readonly number[] => (row % 5 === 0 ? [(row + 7) % rows, (row + 8) % rows] : []);

  it('agrees with a plain loop on random data, with several positives and duplicates', async () => {
    const index = indexFromVectors(vectors, dimension);
    const ranks = await rewardRanks({ index, queries, positives, duplicatesOf }, countNotBelow);
    const expected = positives.map((own, i) =>
      plainRank(index, queries.subarray(i * dimension, (i + 1) * dimension), own, duplicatesOf),
    );
    expect([...ranks]).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(50);
  });

  it('ranks every positive after the other positives that score better, as a plain sort does', async () => {
    const index = indexFromVectors(vectors, dimension);
    const several = positives.map((own, i) => [
      ...new Set(i % 2 === 0 ? own : [...own, (i * 3 + 1) % rows, (i * 11 + 5) % rows]),
    ]);
    const ranks = await positiveRanks({ index, queries, positives: several, duplicatesOf }, countNotBelow);
    const expected = several.map((own, i) => {
      const query = queries.subarray(i * dimension, (i + 1) * dimension);
      const before = (row: number): number => dot(query, vectorOf(index, row));
      const sorted = own.toSorted((a, b) => before(b) - before(a));
      return own.map((row) => {
        const others = own.filter((other) => other !== row);
        const dropped = [...others, ...own.flatMap(duplicatesOf)];
        return sorted.indexOf(row) + plainRank(index, query, [row], (of) => (of === row ? dropped : []));
      });
    });
    expect(ranks).toEqual(expected);
    const best = await rewardRanks({ index, queries, positives: several, duplicatesOf }, countNotBelow);
    expect(ranks.map((own) => Math.min(...own))).toEqual([...best]);
    expect(ranks.some(([first, ...rest]) => rest.some((rank) => rank < (first as number)))).toBe(true);
  });

  it('gives the same ranks from one shard, from many and in a worker thread', async () => {
    const input = { queries, positives, duplicatesOf };
    const whole = await rewardRanks({ ...input, index: indexFromVectors(vectors, dimension) }, countNotBelow);
    const cut = indexFromVectors(vectors, dimension, 100 * dimension * 4);
    expect(cut.shards.length).toBe(7);
    expect(await rewardRanks({ ...input, index: cut }, countNotBelow)).toEqual(whole);
    expect(await rewardRanks({ ...input, index: cut }, (task) => pool.run('countNotBelow', task))).toEqual(whole);
  });

  it('counts ties against the gold: with all vectors equal the rank is the last', async () => {
    const index = indexFromVectors(new Float32Array(10 * 2).fill(0.5), 2);
    const ranks = await rewardRanks(
      { index, queries: Float32Array.of(1, 0), positives: [[3]], duplicatesOf: noDuplicates },
      countNotBelow,
    );
    expect([...ranks]).toEqual([10]);
  });

  it('does not count a document that has the text of the gold', async () => {
    const index = indexFromVectors(Float32Array.of(1, 0, 1, 0, 0, 1, 0.9, 0.1), 2);
    const input = { index, queries: Float32Array.of(1, 0), positives: [[0]] };
    expect([...(await rewardRanks({ ...input, duplicatesOf: noDuplicates }, countNotBelow))]).toEqual([2]);
    expect([
      ...(await rewardRanks({ ...input, duplicatesOf: (row) => (row === 0 ? [1] : []) }, countNotBelow)),
    ]).toEqual([1]);
  });

  it('takes the best-ranked of several positives and never counts one against another', async () => {
    const index = indexFromVectors(Float32Array.of(0, 1, 0.8, 0.6, 1, 0, 0.6, 0.8), 2);
    const ranks = await rewardRanks(
      { index, queries: Float32Array.of(1, 0), positives: [[0, 1]], duplicatesOf: noDuplicates },
      countNotBelow,
    );
    expect([...ranks]).toEqual([2]);
  });

  it('counts a document whose score is NaN against the gold', async () => {
    const index = indexFromVectors(Float32Array.of(1, 0, NaN, 0, -1, 0), 2);
    const ranks = await rewardRanks(
      { index, queries: Float32Array.of(1, 0), positives: [[0]], duplicatesOf: noDuplicates },
      countNotBelow,
    );
    expect([...ranks]).toEqual([2]);
  });

  it('puts a gold or a query that is NaN behind everything', async () => {
    const index = indexFromVectors(Float32Array.of(NaN, 0, 1, 0, -1, 0), 2);
    const input = { index, duplicatesOf: noDuplicates };
    expect([
      ...(await rewardRanks({ ...input, queries: Float32Array.of(1, 0), positives: [[0]] }, countNotBelow)),
    ]).toEqual([3]);
    expect([
      ...(await rewardRanks({ ...input, queries: Float32Array.of(NaN, 0), positives: [[1]] }, countNotBelow)),
    ]).toEqual([3]);
  });

  it('sees a row that was overwritten in place', async () => {
    const index = indexFromVectors(Float32Array.of(0, 1, 1, 0), 2);
    const rank = async (): Promise<number[]> => [
      ...(await rewardRanks(
        { index, queries: Float32Array.of(1, 0), positives: [[1]], duplicatesOf: noDuplicates },
        (task) => pool.run('countNotBelow', task),
      )),
    ];
    expect(await rank()).toEqual([1]);
    vectorOf(index, 0).set([1, 0]);
    expect(await rank()).toEqual([2]);
  });

  it('ranks 256 rollouts among 4,700 documents in much less time than a plain loop', async () => {
    const index = indexFromVectors(randomUnitVectors(4700, 128, 3), 128);
    const queries = randomUnitVectors(256, 128, 4);
    const golds = Array.from({ length: 256 }, (_, i) => [i]);
    const counting = await fastest(() =>
      rewardRanks({ index, queries, positives: golds, duplicatesOf: noDuplicates }, (task) =>
        pool.run('countNotBelow', task),
      ),
    );
    const looping = await fastest(() =>
      Promise.resolve(
        golds.map((own, i) => plainRank(index, queries.subarray(i * 128, (i + 1) * 128), own, noDuplicates)),
      ),
    );
    // About 10 ms against 500 ms on two free cores; a ratio, because a busy machine slows both.
    expect(counting).toBeLessThan(looping / 4);
  });
});

/** Milliseconds of the fastest of three runs. */
async function fastest(run: () => Promise<unknown>): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

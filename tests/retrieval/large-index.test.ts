// What holds however an index is kept: in one shard or many, in memory or in files, in deltas or compacted, in half precision.
import { rmSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { evaluationRanks } from '../../retrieval/evaluation-ranks.js';
import { countNotBelow, topRows } from '../../retrieval/exact-search.js';
import { fromHalf, toHalf } from '../../retrieval/half.js';
import { createIndexCache } from '../../retrieval/index-cache.js';
import { goldScores, rewardRanks, tieMargin } from '../../retrieval/ranks.js';
import { loadIndex, openIndex, readIndexManifest, type LoadedIndex } from '../../retrieval/read-index.js';
import { gatherRows, indexFromVectors, vectorOf, type VectorIndex } from '../../retrieval/vector-index.js';
import { builtFolder, refreshedFolder, type IndexFolder } from './index-folders.js';
import { randomUnitVectors } from './random-vectors.js';

const [rows, dimension, asked] = [500, 16, 140];
const vectors = randomUnitVectors(rows, dimension, 1);
const queries = randomUnitVectors(asked, dimension, 2);
const positives = Array.from({ length: asked }, (_, i) => [(i * 3) % rows, (i * 7 + 1) % rows]);
const duplicatesOf = (row: number): readonly number[] => (row % 5 === 0 ? [(row + 8) % rows] : []);
const idOrder = Int32Array.from({ length: rows }, (_, row) => (row * 7) % rows);

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-large-'));
});
afterAll(() => rm(root, { recursive: true }));

const manifestOf = ({ path }: IndexFolder): ReturnType<typeof readIndexManifest> => readIndexManifest(path);
const inMemory = async (folder: IndexFolder): Promise<LoadedIndex> => loadIndex(folder.path, await manifestOf(folder));
const inFiles = async (folder: IndexFolder): Promise<LoadedIndex> => openIndex(folder.path, await manifestOf(folder));
const everyRow = (index: VectorIndex): Float32Array => gatherRows(index, [...Array(index.rows).keys()]);

/** All that is asked of an index: ranks for the reward, ranks for evaluation, the best rows and their scores. */
async function answers(index: VectorIndex): Promise<unknown[]> {
  const ignored = positives.map((_, i) => [(i * 11 + 5) % rows].filter((row) => !positives[i]?.includes(row)));
  return [
    await rewardRanks({ index, queries, positives, duplicatesOf }, countNotBelow),
    await evaluationRanks({ index, queries, relevant: positives, ignored, idOrder }),
    await topRows({ index, queries, k: 9 }),
  ];
}

describe('an index in shards', () => {
  it('answers as in one shard, in memory and in files, before and after deltas', async () => {
    const expected: unknown[][] = [];
    for (const shardRows of [rows, 100, 33]) {
      const first = await builtFolder(root, { vectors, dimension, shardRows });
      const next = await refreshedFolder(root, first, { model: 'm1', changed: [0, 99, 100, 101, 499] });
      const again = await refreshedFolder(root, next, { model: 'm2', changed: [100, 250] });
      const found = await Promise.all([first, again].map(async (one) => answers((await inMemory(one)).index)));
      expect(await Promise.all([first, again].map(async (one) => answers((await inFiles(one)).index)))).toEqual(found);
      expect((await manifestOf(again)).shards.length).toBe(Math.ceil(rows / shardRows));
      expected.push(found);
    }
    for (const found of expected) expect(found).toEqual(expected[0]);
    expect(expected[0]?.[0]).not.toEqual(expected[0]?.[1]);
  }, 30_000);

  it('counts in each shard by itself, with the same thresholds, what adds up to the whole', async () => {
    const index = indexFromVectors(vectors, dimension, 70 * dimension * 4);
    const thresholds = goldScores(index, queries, positives).map((score) => Math.fround(score - tieMargin));
    const input = { queries, thresholds, excluded: positives };
    const whole = await countNotBelow({ ...input, index });
    const sum = new Int32Array(asked);
    for (const shard of index.shards) {
      const own = await countNotBelow({ ...input, index: { ...index, shards: [shard] } });
      own.forEach((count, i) => (sum[i] = (sum[i] as number) + count));
    }
    expect(index.shards.length).toBe(8);
    expect(sum).toEqual(whole);
  });

  it('counts ties and values that are no number against the gold in every shard', async () => {
    const odd = Float32Array.of(1, 0, 1, 0, NaN, 0, 1, 0, 0, 1, -1, 0);
    for (const type of ['float32', 'float16'] as const) {
      const folder = await builtFolder(root, { vectors: odd, dimension: 2, shardRows: 2, type });
      for (const { index } of [await inMemory(folder), await inFiles(folder)]) {
        const input = { index, queries: Float32Array.of(1, 0), positives: [[0]], duplicatesOf: () => [] };
        expect([...(await rewardRanks(input, countNotBelow))]).toEqual([4]);
      }
    }
  });
});

describe('an index in half precision', () => {
  it('answers exactly as one in full precision of the rounded vectors, kept in half the bytes', async () => {
    const folder = await builtFolder(root, { vectors, dimension, shardRows: 120, type: 'float16' });
    const next = await refreshedFolder(root, folder, { model: 'm1', changed: [3, 130, 131, 400] });
    const full = indexFromVectors(fromHalf(toHalf(vectors)), dimension);
    for (const load of [inMemory, inFiles])
      expect(await answers((await load(folder)).index)).toEqual(await answers(full));
    const drawn = fromHalf(toHalf(randomUnitVectors(4, dimension, 3)));
    for (const load of [inMemory, inFiles]) {
      const { index } = await load(next);
      expect(gatherRows(index, [3, 130, 131, 400])).toEqual(drawn);
      expect(vectorOf(index, 4)).toEqual(vectorOf(full, 4));
    }
    const { shards } = (await inMemory(folder)).index;
    expect(shards.map((shard) => (shard.vectors as Uint16Array).byteLength / shard.rows)).toEqual(
      Array(5).fill(dimension * 2),
    );
  });

  it('moves a score by at most 2^-11', async () => {
    const [full, half] = [
      indexFromVectors(vectors, dimension),
      indexFromVectors(vectors, dimension, 2 ** 20, 'float16'),
    ];
    const all = await Promise.all([full, half].map((index) => topRows({ index, queries, k: rows })));
    const [a = [], b = []] = all.map(({ rows: found, scores }) => {
      const byRow = new Float64Array(asked * rows);
      found.forEach((row, i) => (byRow[Math.floor(i / rows) * rows + row] = scores[i] as number));
      return [...byRow];
    });
    const moved = a.map((score, i) => Math.abs(score - (b[i] as number)));
    expect(Math.max(...moved)).toBeLessThan(2 ** -11);
    expect(Math.max(...moved)).toBeGreaterThan(1e-5);
  });
});

describe('compaction', () => {
  it.each(['float32', 'float16'] as const)('keeps every vector and score of %s rows bit for bit', async (type) => {
    const first = await builtFolder(root, { vectors, dimension, shardRows: 150, type });
    const next = await refreshedFolder(root, first, { model: 'm1', changed: [1, 149, 150, 300] });
    const change = { model: 'm2', changed: [1, 2, 450] };
    const kept = await refreshedFolder(root, next, change);
    for (const current of [await inMemory(next), await inFiles(next)]) {
      const compacted = await refreshedFolder(root, next, { ...change, compactAbove: 0.001, current });
      const [before, after] = [await inMemory(kept), await inMemory(compacted)];
      expect(after.manifest.shards.flatMap((shard) => shard.deltas)).toEqual([]);
      expect(everyRow(after.index)).toEqual(everyRow(before.index));
      expect(await answers(after.index)).toEqual(await answers(before.index));
      expect(after.manifest.dtype).toBe(before.manifest.dtype);
    }
  });
});

describe('an index that is larger than the cache', () => {
  it('stays in its files, wherever they are, and takes the documents along a chain of refreshes', async () => {
    const cache = createIndexCache(100_000);
    let at = await builtFolder(root, { vectors: randomUnitVectors(rows, 64, 5), dimension: 64, shardRows: 200 });
    let corpus: unknown = null;
    for (const changed of [[5], [1, 5, 300], [7]]) {
      const expected = everyRow((await inMemory(at)).index);
      await cache.withIndex(at, ({ index, corpus: own }) => {
        expect(index.shards.some((shard) => ArrayBuffer.isView(shard.vectors))).toBe(false);
        expect(everyRow(index)).toEqual(expected);
        expect(own).toBe(corpus ?? own);
        corpus = own;
        return Promise.resolve();
      });
      at = await refreshedFolder(root, at, { model: `m${changed.length}`, changed });
    }
    const expected = everyRow((await inMemory(at)).index);
    expect(await cache.withIndex(at, ({ index }) => Promise.resolve(everyRow(index)))).toEqual(expected);
    const moved = { ...at, path: `${at.path}-moved` };
    await rename(at.path, moved.path);
    expect(await cache.withIndex(moved, ({ index }) => Promise.resolve(everyRow(index)))).toEqual(expected);
    expect(cache.identities()).toEqual([at.identity]);
  });

  it('says that it is damaged when a file is missing or cut off', async () => {
    const at = await builtFolder(root, { vectors, dimension, shardRows: 200 });
    rmSync(join(at.path, (await manifestOf(at)).shards[1]?.base ?? ''));
    await expect(createIndexCache(1000).withIndex(at, () => Promise.resolve())).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
    });
  });
});

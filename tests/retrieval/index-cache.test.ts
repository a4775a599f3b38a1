// The cache of indexes: what it lends equals a cold load, what is lent does not change, and memory is bounded.
import { rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIndexCache } from '../../retrieval/index-cache.js';
import { loadIndex, readIndexManifest } from '../../retrieval/read-index.js';
import { vectorOf } from '../../retrieval/vector-index.js';
import { writeBuiltIndex, writeRefreshedIndex } from '../../retrieval/write-index.js';
import { randomUnitVectors } from './random-vectors.js';

const dimension = 4;
const rows = 30;
let root: string;
let first: { path: string; identity: string };
let folders = 0;

const freshDir = async (): Promise<string> => {
  const dir = join(root, `dir-${folders++}`);
  await mkdir(dir);
  return dir;
};

async function build(shardRows: number): Promise<{ path: string; identity: string }> {
  const path = await freshDir();
  const corpus = join(root, 'corpus.jsonl');
  writeFileSync(corpus, Array.from({ length: rows }, (_, i) => `{"_id":"d${i}","text":"t${i}"}\n`).join(''));
  const vectors = randomUnitVectors(rows, dimension, 1);
  const shards = Array.from({ length: Math.ceil(rows / shardRows) }, (_, i) => {
    const file = join(path, `base-${i}.f32`);
    const part = vectors.slice(i * shardRows * dimension, (i + 1) * shardRows * dimension);
    writeFileSync(file, new Uint8Array(part.buffer));
    return { first: i * shardRows, rows: part.length / dimension, file };
  });
  await writeBuiltIndex({ dir: path, corpus, dimension, type: 'float32', model: 'm0', shards });
  return { path, identity: path };
}

async function refresh(
  from: { path: string },
  model: string,
  changed: number[],
  compactAbove = 10,
): Promise<{ path: string; identity: string }> {
  const path = await freshDir();
  const current = await loadIndex(from.path, await readIndexManifest(from.path));
  const vectors = randomUnitVectors(changed.length, dimension, changed[0] ?? 0);
  await writeRefreshedIndex({
    dir: path,
    from: from.path,
    current,
    refreshed: { rows: Uint32Array.from(changed), vectors, model },
    compactAbove,
  });
  return { path, identity: path };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-cache-'));
  first = await build(rows);
});
afterAll(() => rm(root, { recursive: true }));

const cold = async ({ path }: { path: string }) => loadIndex(path, await readIndexManifest(path));

describe('createIndexCache', () => {
  it('lends what a cold load gives, along a chain of deltas, from one shard and from many', async () => {
    for (const start of [first, await build(8)]) {
      const cache = createIndexCache(2 ** 20);
      let at = start;
      for (const [i, changed] of [[1, 2, 29], [2, 9], [], [0, 15, 16, 17]].entries()) {
        at = await refresh(at, `m${i + 1}`, changed);
        const expected = await cold(at);
        await cache.withIndex(at, (loaded) => {
          expect(loaded).toEqual(expected);
          return Promise.resolve();
        });
      }
      expect(cache.identities()).toEqual([at.identity]);
    }
  });

  it('reads only the deltas that were added', async () => {
    const cache = createIndexCache(2 ** 20);
    await cache.withIndex(first, () => Promise.resolve());
    const next = await refresh(first, 'm1', [3]);
    const { shards } = await readIndexManifest(next.path);
    rmSync(join(next.path, shards[0]?.base ?? ''));
    await expect(cold(next)).rejects.toThrow();
    await cache.withIndex(next, ({ index }) => {
      expect([...vectorOf(index, 3)]).toEqual([...randomUnitVectors(1, dimension, 3)]);
      return Promise.resolve();
    });
  });

  it('does not change an index that is in use', async () => {
    const cache = createIndexCache(2 ** 20);
    const next = await refresh(first, 'm1', [3]);
    await cache.withIndex(first, async ({ index }) => {
      const before = [...vectorOf(index, 3)];
      await cache.withIndex(next, (other) => {
        expect([...vectorOf(other.index, 3)]).not.toEqual(before);
        return Promise.resolve();
      });
      expect([...vectorOf(index, 3)]).toEqual(before);
    });
  });

  it('reads an earlier index again after it was taken over', async () => {
    const cache = createIndexCache(2 ** 20);
    const next = await refresh(first, 'm1', [3]);
    const read = (artifact: { path: string; identity: string }): Promise<number[]> =>
      cache.withIndex(artifact, ({ index }) => Promise.resolve([...vectorOf(index, 3)]));
    const original = await read(first);
    expect(await read(next)).not.toEqual(original);
    expect(await read(first)).toEqual(original);
  });

  it('loads once for users at the same time', async () => {
    const cache = createIndexCache(2 ** 20);
    const [a, b] = await Promise.all([1, 2].map(() => cache.withIndex(first, (loaded) => Promise.resolve(loaded))));
    expect(a).toBe(b);
  });

  it('drops the least recently used beyond its bytes', async () => {
    const compacted = await refresh(first, 'm1', [1], 0.01);
    const cache = createIndexCache(rows * (dimension * 4 + 102));
    await cache.withIndex(first, () => Promise.resolve());
    await cache.withIndex(compacted, () => Promise.resolve());
    expect(cache.identities()).toEqual([compacted.identity]);
  });

  it('does not keep a failed load', async () => {
    const cache = createIndexCache(2 ** 20);
    const broken = await refresh(first, 'm1', [3]);
    const { shards } = await readIndexManifest(broken.path);
    const delta = join(broken.path, shards[0]?.deltas[0]?.vectors ?? '');
    rmSync(delta);
    writeFileSync(delta, 'short');
    await expect(cache.withIndex(broken, () => Promise.resolve())).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
    });
    expect(cache.identities()).toEqual([]);
  });
});

describe('compaction', () => {
  it('keeps vectors and encoders over many shards, and drops encoders that no row has', async () => {
    const start = await build(8);
    const one = await refresh(start, 'm1', [0, 7, 8, 29]);
    const all = Array.from({ length: rows }, (_, row) => row).filter((row) => row !== 8);
    const loose = await cold(await refresh(one, 'm2', all));
    const tight = await cold(await refresh(one, 'm2', all, 0.5));
    expect(tight.manifest.shards.every((shard) => shard.deltas.length === 0)).toBe(true);
    expect(tight.index).toEqual(loose.index);
    expect(tight.manifest.encoders.map(({ model }) => model)).toEqual(['m1', 'm2']);
  });
});

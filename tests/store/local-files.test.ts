import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { evictCache, ingestFolder, materialise } from '../../store/artifacts.js';
import { localFilesIn } from '../../store/host-cache.js';
import { withLocalFiles } from '../../store/local-files.js';
import { openFolderStore } from '../../store/folder-store.js';
import { names } from '../../store/store.js';
import type { ObjectStore } from '../../store/store.js';
import { objectStoreContract } from './contract.js';
import { useBench } from './fixtures.js';
import { isFor, useS3 } from './s3/bench.js';

const s3 = useS3();
const bench = useBench();

/** A store on S3 as a worker of this host has it. */
const hostStore = (store: ObjectStore, cacheDir: string): ObjectStore => withLocalFiles(store, localFilesIn(cacheDir));
const folder = async (name: string, files: Record<string, string>): Promise<string> => bench().folder(name, files);
const fetched = (digest: string): number => s3().proxy.seen.filter(isFor('GET', names.blob(digest))).length;
const digestIn = async (store: ObjectStore, tree: string, path: string): Promise<string> => {
  const list = JSON.parse(Buffer.from((await store.get(names.blob(tree))) ?? []).toString()) as {
    files: { path: string; digest: string }[];
  };
  return list.files.find((file) => file.path === path)?.digest ?? '';
};

describe('the contract of every store', () => {
  objectStoreContract(
    async () => {
      const dir = join(s3().folder, 'under-contract');
      return withLocalFiles(await openFolderStore(dir), join(dir, '..', 'files-under-contract'));
    },
    { swaps: 20 },
  );
});

describe('a file of a remote store', () => {
  test('that was stored from this host is not fetched; on another host it is, once for all artifacts that share it', async () => {
    const { cacheDir } = bench();
    const remote = await s3().open();
    const here = hostStore(remote, cacheDir);
    const one = await ingestFolder(here, await folder('one', { base: 'shared', delta: 'one' }), 'index');
    const two = await ingestFolder(here, await folder('two', { base: 'shared', delta: 'two' }), 'index');
    const base = await digestIn(remote, one.tree, 'base');
    const path = await materialise(here, cacheDir, one.tree);
    expect(await readFile(join(path, 'base'), 'utf8')).toBe('shared');
    expect(fetched(base)).toBe(0);
    const otherDir = join(bench().dir, 'other-host');
    const there = hostStore(remote, otherDir);
    for (const { tree } of [one, two]) {
      const placed = await materialise(there, otherDir, tree);
      expect(await readFile(join(placed, 'base'), 'utf8')).toBe('shared');
      expect((await stat(join(placed, 'base'))).mode & 0o222).toBe(0);
    }
    expect(fetched(base)).toBe(1);
  });

  test('whose bytes are wrong in the store is not kept', async () => {
    const { cacheDir } = bench();
    const remote = await s3().open();
    const { tree } = await ingestFolder(remote, await folder('right', { x: 'right' }), 'folder');
    await remote.put(names.blob(await digestIn(remote, tree, 'x')), 'wrong');
    await expect(materialise(hostStore(remote, cacheDir), cacheDir, tree)).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
    });
    expect(await readdir(localFilesIn(cacheDir)).catch(() => [])).toEqual([]);
  });

  test('goes with the last artifact that is evicted, and one that no artifact uses goes first', async () => {
    const { cacheDir } = bench();
    const remote = await s3().open();
    const store = hostStore(remote, cacheDir);
    const stored = [];
    for (const name of ['a', 'b', 'c'])
      stored.push(await ingestFolder(store, await folder(name, { base: 'b'.repeat(100), own: name.padEnd(50) }), 'folder'));
    await mkdir(localFilesIn(cacheDir), { recursive: true });
    await writeFile(join(localFilesIn(cacheDir), 'f'.repeat(64)), 'of nobody');
    const paths = [];
    for (const { tree } of stored) paths.push(await materialise(store, cacheDir, tree));
    for (const name of ['a', 'b', 'c']) await rm(join(bench().dir, name), { recursive: true });
    const now = Date.now() + 60 * 60_000;
    const hourAgo = new Date(Date.now() - 60 * 60_000);
    for (const path of paths.slice(0, 2)) await utimes(`${path}.used`, hourAgo, hourAgo);
    const left = await evictCache(cacheDir, 310, { now, inUse: new Set([paths[2] ?? '']) });
    expect(left.evicted).toBe(1);
    expect((await readdir(localFilesIn(cacheDir))).length, 'base, and own of the two that stay').toBe(3);
    await evictCache(cacheDir, 0, { now, inUse: new Set([paths[2] ?? '']) });
    expect(await readFile(join(paths[2] ?? '', 'base'), 'utf8'), 'one that is in use is whole').toBe('b'.repeat(100));
    expect((await readdir(localFilesIn(cacheDir))).length).toBe(2);
    await evictCache(cacheDir, 0, { now });
    expect(await readdir(localFilesIn(cacheDir))).toEqual([]);
    const again = await materialise(store, cacheDir, stored[0]?.tree ?? '');
    expect(await readFile(join(again, 'base'), 'utf8')).toBe('b'.repeat(100));
  }); // prettier-ignore

  test('may be thrown out while others take it: each gets the whole file', async () => {
    const { cacheDir } = bench();
    const store = hostStore(await s3().open(), cacheDir);
    const body = 'x'.repeat(10_000);
    const { tree } = await ingestFolder(store, await folder('busy', { x: body }), 'folder');
    const name = names.blob(await digestIn(store, tree, 'x'));
    let isDone = false;
    const evicting = (async () => {
      while (!isDone) await evictCache(cacheDir, 0, { idleMs: 0 });
    })();
    const targets = Array.from({ length: 40 }, (_, index) => join(bench().dir, `taken-${index}`));
    for (const target of targets) await store.toFile(name, target);
    isDone = true;
    await evicting;
    for (const target of targets) expect(await readFile(target, 'utf8')).toBe(body);
  });
});

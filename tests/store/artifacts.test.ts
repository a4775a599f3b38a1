import { execFileSync } from 'node:child_process';
import {
  chmod,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../schemas/identity.js';
import {
  evictCache,
  hasArtifact,
  ingestFolder,
  knownByLink,
  materialise,
  readTree,
  verifyArtifact,
} from '../../store/artifacts.js';
import { openFolderStore } from '../../store/folder-store.js';
import { names } from '../../store/store.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const files = { 'b.txt': 'bee', 'a/one.txt': 'one', 'a/two.txt': 'two' };

/** Flips one bit of a blob where it lies, as a bad disk would. */
async function flipBit(path: string): Promise<void> {
  await chmod(path, 0o600);
  const file = await open(path, 'r+');
  const byte = new Uint8Array(1);
  await file.read(byte, 0, 1, 0);
  await file.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, 0);
  await file.close();
}
const blobPath = (digest: string): string => join(bench().storeDir, names.blob(digest));

describe('a folder that enters the store', () => {
  test('is a tree of its files by path, sorted, with digests and sizes; empty folders do not count', async () => {
    const { store, folder } = bench();
    const path = await folder('out', files);
    await mkdir(join(path, 'empty'));
    const stored = await ingestFolder(store, path, 'folder');
    expect(stored).toMatchObject({ type: 'folder', bytes: 9, files: 3 });
    expect((await readTree(store, stored.tree)).files).toEqual([
      { path: 'a/one.txt', digest: digestOf('one'), bytes: 3 },
      { path: 'a/two.txt', digest: digestOf('two'), bytes: 3 },
      { path: 'b.txt', digest: digestOf('bee'), bytes: 3 },
    ]);
    expect(stored.tree).toBe(digestOf((await store.get(names.blob(stored.tree))) ?? ''));
  });

  test('has the same tree wherever it lies, and what it shares with another is stored once', async () => {
    const { store, folder } = bench();
    const one = await ingestFolder(store, await folder('one', files), 'model');
    const two = await ingestFolder(store, await folder('two', files), 'model');
    const more = await ingestFolder(store, await folder('more', { ...files, 'c.txt': 'sea' }), 'model');
    expect(two).toEqual(one);
    expect(more.tree).not.toBe(one.tree);
    const blobs = await readdir(join(bench().storeDir, 'blobs'), { recursive: true, withFileTypes: true });
    expect(blobs.filter((entry) => entry.isFile())).toHaveLength(4 + 2);
  });

  test('is not copied: its files become the blobs', async () => {
    const { store, folder } = bench();
    const path = await folder('out', files);
    await ingestFolder(store, path, 'folder');
    expect((await stat(join(path, 'b.txt'))).ino).toBe((await stat(blobPath(digestOf('bee')))).ino);
  });

  test('of which some files are known to be stored is not read there', async () => {
    const { store, folder } = bench();
    const base = await ingestFolder(store, await folder('base', files), 'index');
    const known = new Map((await readTree(store, base.tree)).files.map((file) => [file.path, file]));
    const next = await folder('next', { ...files, 'b.txt': 'NOT', 'delta.f32': 'delta' });
    const stored = await ingestFolder(store, next, 'index', { known });
    const tree = await readTree(store, stored.tree);
    expect(tree.files.map(({ path }) => path)).toEqual(['a/one.txt', 'a/two.txt', 'b.txt', 'delta.f32']);
    expect(tree.files[2]?.digest, 'the known digest was taken').toBe(digestOf('bee'));
  });

  test('finds by their links which files of an input it keeps', async () => {
    const { store, folder, cacheDir } = bench();
    const base = await ingestFolder(store, await folder('base', files), 'index');
    const path = await materialise(store, cacheDir, base.tree);
    const next = await folder('next', { 'delta.f32': 'delta', 'copy.txt': 'one' });
    await link(join(path, 'a/one.txt'), join(next, 'renamed.txt'));
    const known = await knownByLink(store, next, [{ path, tree: base.tree }]);
    expect([...known]).toEqual([['renamed.txt', { digest: digestOf('one'), bytes: 3 }]]);
    expect(await ingestFolder(store, next, 'index', { known })).toEqual(await ingestFolder(store, next, 'index'));
  });

  test('of which a known file is no longer stored is read after all', async () => {
    const { store, folder } = bench();
    const known = new Map([['b.txt', { digest: digestOf('bee'), bytes: 3 }]]);
    const stored = await ingestFolder(store, await folder('next', { 'b.txt': 'bee' }), 'index', { known });
    expect(await hasArtifact(store, stored)).toBe(true);
  });

  test.each([
    ['a link', async (path: string) => symlink('b.txt', join(path, 'bad')), /"bad" in .* is a link or a special file/],
    [
      'a pipe',
      async (path: string) => execFileSync('mkfifo', [join(path, 'bad')]),
      /"bad" in .* is a link or a special/,
    ],
    [
      'a line break',
      async (path: string) => writeFile(join(path, 'b\nad'), ''),
      /"b\\nad" in .* has a control character/,
    ],
    ['a backslash', async (path: string) => writeFile(join(path, 'b\\ad'), ''), /has a control character, a backslash/],
    [
      'bytes that are no UTF-8',
      async (path: string) => writeFile(Buffer.concat([Buffer.from(`${path}/`), Buffer.of(0xff)]), ''),
      /no UTF-8 in its name/,
    ],
  ])('is refused with its place when it holds %s', async (_, spoil, message) => {
    const { store, folder } = bench();
    const path = await folder('out', files);
    await spoil(path);
    const failure = ingestFolder(store, path, 'folder');
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ failureClass: 'data' });
  });

  test('that is not there is said', async () => {
    await expect(ingestFolder(bench().store, join(bench().dir, 'none'), 'folder')).rejects.toThrow(
      /There is no file or folder/,
    );
  });
});

describe('an artifact on a host', () => {
  test('is a folder of read-only links with the files it was made of', async () => {
    const { store, folder, cacheDir } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    const path = await materialise(store, cacheDir, stored.tree);
    for (const [name, body] of Object.entries(files)) {
      expect(await readFile(join(path, name), 'utf8')).toBe(body);
      expect((await stat(join(path, name))).mode & 0o222).toBe(0);
    }
    expect((await stat(join(path, 'b.txt'))).ino).toBe((await stat(blobPath(digestOf('bee')))).ino);
  });

  test('is built once, by however many ask at the same time', async () => {
    const { store, folder, cacheDir } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    const paths = await Promise.all(Array.from({ length: 8 }, () => materialise(store, cacheDir, stored.tree)));
    expect(new Set(paths).size).toBe(1);
    const { ino } = await stat(paths[0] ?? '');
    expect((await stat(await materialise(store, cacheDir, stored.tree))).ino).toBe(ino);
    expect((await readdir(cacheDir)).filter((name) => name.startsWith('.tmp'))).toEqual([]);
  });

  test('is a copy where links do not reach', async (context) => {
    const { store, folder } = bench();
    const shm = join('/dev/shm', `pawl-cache-${process.pid}`);
    await mkdir(shm).catch(() => context.skip('there is no second file system at /dev/shm'));
    try {
      if ((await stat(shm)).dev === (await stat(bench().dir)).dev) context.skip('/dev/shm is the same file system');
      const stored = await ingestFolder(store, await folder('out', files), 'folder');
      const path = await materialise(store, shm, stored.tree);
      expect(await readFile(join(path, 'a/one.txt'), 'utf8')).toBe('one');
      expect((await readdir(path, { recursive: true })).sort()).toEqual(['a', 'a/one.txt', 'a/two.txt', 'b.txt']);
      const far = join(shm, 'far');
      await mkdir(far);
      await writeFile(join(far, 'x'), 'from another file system');
      const other = await ingestFolder(store, far, 'folder');
      expect(await hasArtifact(store, other)).toBe(true);
    } finally {
      await rm(shm, { recursive: true, force: true });
    }
  });

  test('whose file path would leave the folder is refused', async () => {
    const { store, cacheDir, dir } = bench();
    const body = JSON.stringify({ files: [{ bytes: 3, digest: digestOf('bee'), path: '../escaped' }], schema: 1 });
    await store.createIfAbsent(names.blob(digestOf('bee')), 'bee');
    await store.createIfAbsent(names.blob(digestOf(body)), body);
    await expect(materialise(store, cacheDir, digestOf(body))).rejects.toThrow(/'\.\.' in its path/);
    expect(await readdir(dir)).not.toContain('escaped');
  });
});

describe('wrong bytes', () => {
  test('are found when the artifact is first read on a host, set aside, and make it count as pruned', async () => {
    const { store, folder, cacheDir } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    await flipBit(blobPath(digestOf('one')));
    expect(await hasArtifact(store, stored), 'sizes do not show it').toBe(true);
    const failure = materialise(store, cacheDir, stored.tree);
    await expect(failure).rejects.toMatchObject({ failureClass: 'artifact_damaged' });
    await expect(failure).rejects.toThrow(/a\/one\.txt .*does not match its digest.*quarantine\/blobs/);
    expect(await hasArtifact(store, stored)).toBe(false);
    expect(await store.head(`quarantine/${names.blob(digestOf('one')).replace(/\/..\//, '/')}`)).toMatchObject({
      bytes: 3,
    });
    expect((await readdir(cacheDir)).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  test('are found by another process that did not store them', async () => {
    const { store, folder, storeDir } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    const path = blobPath(digestOf('one'));
    const { atime, mtime } = await stat(path);
    await flipBit(path);
    await utimes(path, atime, mtime); // a bad disk changes no times
    const other = await openFolderStore(storeDir);
    await expect(materialise(other, bench().cacheDir, stored.tree)).rejects.toMatchObject({
      failureClass: 'artifact_damaged',
    });
  });

  test('are found by a full check, and the folder that a host has cached is built anew', async () => {
    const { store, folder, cacheDir } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    const path = await materialise(store, cacheDir, stored.tree);
    await verifyArtifact(store, stored);
    await flipBit(blobPath(digestOf('two')));
    expect(await readFile(join(path, 'a/two.txt'), 'utf8'), 'the cache shares the bytes').not.toBe('two');
    await expect(verifyArtifact(store, stored)).rejects.toMatchObject({ failureClass: 'artifact_damaged' });
    await expect(materialise(store, cacheDir, stored.tree)).rejects.toThrow(/no longer has/);
    await ingestFolder(store, await folder('again', files), 'folder');
    expect(await readFile(join(await materialise(store, cacheDir, stored.tree), 'a/two.txt'), 'utf8')).toBe('two');
  });

  test.each(['missing', 'cut'])('a blob that is %s is found by its size', async (how) => {
    const { store, folder, cacheDir } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    await unlink(blobPath(digestOf('bee')));
    if (how === 'cut') await writeFile(blobPath(digestOf('bee')), 'be');
    expect(await hasArtifact(store, stored)).toBe(false);
    await expect(materialise(store, cacheDir, stored.tree)).rejects.toMatchObject({ failureClass: 'artifact_damaged' });
    expect(await ingestFolder(store, await folder('again', files), 'folder')).toEqual(stored);
    expect(await hasArtifact(store, stored), 'made again, it is whole').toBe(true);
  });

  test('of a cut blob are replaced when the file is stored again, and kept aside', async () => {
    const { store, folder } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    await unlink(blobPath(digestOf('bee')));
    await writeFile(blobPath(digestOf('bee')), 'be');
    await ingestFolder(store, await folder('again', files), 'folder');
    await verifyArtifact(store, stored);
    expect(await store.head(`quarantine/blobs/${digestOf('bee').slice(7)}`)).toMatchObject({ bytes: 2 });
  });

  test('in the list of files are found', async () => {
    const { store, folder } = bench();
    const stored = await ingestFolder(store, await folder('out', files), 'folder');
    await flipBit(blobPath(stored.tree));
    await expect(readTree(store, stored.tree)).rejects.toMatchObject({ failureClass: 'artifact_damaged' });
    expect(await hasArtifact(store, stored)).toBe(false);
    expect(await ingestFolder(store, await folder('again', files), 'folder')).toEqual(stored);
    expect(await hasArtifact(store, stored)).toBe(true);
  });
});

describe('the cache of a host', () => {
  test('drops what was not used for longest, and spares what is in use or was just asked for', async () => {
    const { store, folder, cacheDir } = bench();
    const paths: string[] = [];
    for (const name of ['one', 'two', 'three', 'four']) {
      const stored = await ingestFolder(store, await folder(name, { file: name.padEnd(100, '.') }), 'folder');
      paths.push(await materialise(store, cacheDir, stored.tree));
    }
    const now = Date.now();
    for (const [index, path] of paths.entries()) {
      const usedAt = new Date(now - (60 - index) * 60_000);
      await utimes(`${path}.used`, usedAt, usedAt);
    }
    expect(await evictCache(cacheDir, 100, { now, idleMs: 2 * 60 * 60_000 })).toEqual({ bytes: 400, evicted: 0 });
    expect(await evictCache(cacheDir, 250, { now, inUse: new Set([paths[0] ?? '']) })).toEqual({
      bytes: 200,
      evicted: 2,
    });
    const left = (await readdir(cacheDir))
      .filter((name) => !name.endsWith('.used'))
      .map((name) => join(cacheDir, name));
    expect(left.sort()).toEqual([paths[0], paths[3]].sort());
  });

  test('that is not there is empty', async () => {
    expect(await evictCache(join(bench().dir, 'none'), 0)).toEqual({ bytes: 0, evicted: 0 });
  });
});

// What every kind of store must do, whatever it lies on: called by the test file of each kind.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listAll } from '../../store/list-all.js';
import type { ObjectStore } from '../../store/store.js';

const text = (body: Uint8Array | null | undefined): string | null =>
  body === null || body === undefined ? null : new TextDecoder().decode(body);

/** Registers the contract's tests. `open` gives a store that nothing else writes to; each call may give the same or another one. */
export function objectStoreContract(
  open: () => Promise<ObjectStore>,
  options: { swaps: number } = { swaps: 200 },
): void {
  let store: ObjectStore;
  let folder: string;
  beforeAll(async () => {
    store = await open();
    folder = await mkdtemp(join(tmpdir(), 'pawl-contract-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  objectTests(() => store);
  swapTests(() => store, options.swaps);
  fileTests(
    () => store,
    () => folder,
  );
  listTests(() => store);
  nameTests(() => store);
}

function objectTests(store: () => ObjectStore): void {
  test('an object is created once, and the first body stays', async () => {
    expect(await store().createIfAbsent('objects/once', 'first')).toBe(true);
    expect(await store().createIfAbsent('objects/once', 'second')).toBe(false);
    expect(text(await store().get('objects/once'))).toBe('first');
  });
  test('of many that create one object at the same time, one does', async () => {
    const bodies = Array.from({ length: 20 }, (_, index) => `body ${index}`);
    const created = await Promise.all(bodies.map((body) => store().createIfAbsent('objects/raced', body)));
    expect(created.filter(Boolean)).toHaveLength(1);
    expect(text(await store().get('objects/raced'))).toBe(bodies[created.indexOf(true)]);
  });
  test('an object that comes after something is not there before it, and not at all when that fails', async () => {
    let isThere: boolean | null = null;
    const after = sleep(100).then(async () => {
      isThere = (await store().head('objects/after')) !== null;
    });
    expect(await store().createIfAbsent('objects/after', 'body', { after })).toBe(true);
    expect(isThere).toBe(false);
    expect(text(await store().get('objects/after'))).toBe('body');
    const failed = Promise.reject(new Error('no room'));
    await expect(store().createIfAbsent('objects/never', 'body', { after: failed })).rejects.toThrow('no room');
    expect(await store().head('objects/never')).toBeNull();
  });
  test('what is not there is null, and removing it is no error', async () => {
    expect(await store().get('objects/none')).toBeNull();
    expect(await store().get('objects/none', { start: 0, end: 1 })).toBeNull();
    expect(await store().getVersioned('objects/none')).toBeNull();
    expect(await store().head('objects/none')).toBeNull();
    await store().remove('objects/none');
  });
  test('a range runs from its start up to but without its end, cut at the end of the object', async () => {
    await store().createIfAbsent('objects/range', '0123456789');
    expect(text(await store().get('objects/range', { start: 2, end: 5 }))).toBe('234');
    expect(text(await store().get('objects/range', { start: 8, end: 50 }))).toBe('89');
    expect(text(await store().get('objects/range', { start: 10, end: 12 }))).toBe('');
  });
  test('head tells size and time', async () => {
    const before = Date.now();
    await store().createIfAbsent('objects/head', 'éa');
    const info = await store().head('objects/head');
    expect(info).toMatchObject({ name: 'objects/head', bytes: 3 });
    expect(Math.abs((info?.modifiedAt ?? 0) - before)).toBeLessThan(60_000);
  });
  test('put replaces, and a removed object can be created again', async () => {
    await store().put('objects/put', 'one');
    await store().put('objects/put', 'two');
    expect(text(await store().get('objects/put'))).toBe('two');
    await store().remove('objects/put');
    expect(await store().get('objects/put')).toBeNull();
    expect(await store().createIfAbsent('objects/put', 'three')).toBe(true);
    expect(text(await store().get('objects/put'))).toBe('three');
  });
  test('an empty object is an object', async () => {
    expect(await store().createIfAbsent('objects/empty', '')).toBe(true);
    expect(await store().head('objects/empty')).toMatchObject({ bytes: 0 });
    expect(text(await store().get('objects/empty'))).toBe('');
  });
}

function swapTests(store: () => ObjectStore, swaps: number): void {
  const etagOf = async (name: string): Promise<string> => (await store().getVersioned(name))?.etag ?? 'none';
  test('a swap succeeds on the version that was read and on no other', async () => {
    await store().createIfAbsent('swap/a', 'v0');
    const first = await etagOf('swap/a');
    expect(await store().compareAndSwap('swap/a', first, 'v1')).toBe(true);
    expect(await store().compareAndSwap('swap/a', first, 'late')).toBe(false);
    expect(text(await store().get('swap/a'))).toBe('v1');
    expect(await store().compareAndSwap('swap/a', await etagOf('swap/a'), 'v2')).toBe(true);
    expect(text((await store().getVersioned('swap/a'))?.body)).toBe('v2');
    expect(await store().head('swap/a')).toMatchObject({ bytes: 2 });
    expect(await store().createIfAbsent('swap/a', 'again')).toBe(false);
  });
  test('a swap of what is not there fails', async () => {
    expect(await store().compareAndSwap('swap/none', 'any', 'x')).toBe(false);
    expect(await store().get('swap/none')).toBeNull();
  });
  test('of many that swap one version at the same time, one does', async () => {
    await store().createIfAbsent('swap/many', 'start');
    for (let round = 0; round < 5; round += 1) {
      const etag = await etagOf('swap/many');
      const won = await Promise.all(
        Array.from({ length: 12 }, (_, index) => store().compareAndSwap('swap/many', etag, `${round}-${index}`)),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(text(await store().get('swap/many'))).toBe(`${round}-${won.indexOf(true)}`);
    }
  });
  test('an etag of before a removal is void after it', async () => {
    await store().createIfAbsent('swap/gone', 'a');
    const first = await etagOf('swap/gone');
    await store().compareAndSwap('swap/gone', first, 'b');
    const second = await etagOf('swap/gone');
    await store().remove('swap/gone');
    expect(await store().compareAndSwap('swap/gone', second, 'c')).toBe(false);
    expect(await store().createIfAbsent('swap/gone', 'new')).toBe(true);
    expect(await store().compareAndSwap('swap/gone', second, 'c')).toBe(false);
    expect(await store().compareAndSwap('swap/gone', first, 'c')).toBe(false);
    expect(text(await store().get('swap/gone'))).toBe('new');
  });
  test('put replaces a swapped object, too, and voids its etag', async () => {
    await store().createIfAbsent('swap/put', 'a');
    await store().compareAndSwap('swap/put', await etagOf('swap/put'), 'b');
    const etag = await etagOf('swap/put');
    await store().put('swap/put', 'c');
    expect(text(await store().get('swap/put'))).toBe('c');
    expect(await store().compareAndSwap('swap/put', etag, 'd')).toBe(false);
  });
  test('many swaps of one object leave its newest version', async () => {
    await store().createIfAbsent('swap/long', '0');
    for (let count = 1; count <= swaps; count += 1)
      expect(await store().compareAndSwap('swap/long', await etagOf('swap/long'), String(count))).toBe(true);
    expect(text(await store().get('swap/long'))).toBe(String(swaps));
    expect(await listAll(store(), 'swap/long')).toMatchObject([{ name: 'swap/long', bytes: String(swaps).length }]);
  });
}

function fileTests(store: () => ObjectStore, folder: () => string): void {
  test('a file becomes an object, and an object a read-only file', async () => {
    const source = join(folder(), 'source');
    await writeFile(source, 'of a file');
    const info = { name: 'files/a', bytes: 9 };
    expect(await store().createFromFile('files/a', source)).toMatchObject({ ...info, created: true });
    expect(await store().createFromFile('files/a', source)).toMatchObject({ ...info, created: false });
    expect(text(await store().get('files/a'))).toBe('of a file');
    const target = join(folder(), 'target');
    expect(await store().toFile('files/a', target)).toMatchObject(info);
    expect(await readFile(target, 'utf8')).toBe('of a file');
    expect((await stat(target)).mode & 0o222).toBe(0);
  });
  test('a file of somebody else can be changed afterwards without changing the object', async () => {
    const source = join(folder(), 'theirs');
    await writeFile(source, 'before');
    await store().createFromFile('files/theirs', source, { source: 'theirs' });
    await writeFile(source, 'after!');
    expect(text(await store().get('files/theirs'))).toBe('before');
  });
  test('a missing object becomes no file, and nothing is left in its place', async () => {
    await mkdir(join(folder(), 'sub'));
    expect(await store().toFile('files/none', join(folder(), 'sub', 'x'))).toBeNull();
    expect(await readdir(join(folder(), 'sub'))).toEqual([]);
  });
  test('a missing file cannot become an object', async () => {
    await expect(store().createFromFile('files/never', join(folder(), 'never'))).rejects.toMatchObject({
      failureClass: 'store_unavailable',
    });
    expect(await store().head('files/never')).toBeNull();
  });
}

function listTests(store: () => ObjectStore): void {
  test('a listing holds the names with the prefix, sorted, whether it ends in a slash or not', async () => {
    for (const name of ['list/b/2', 'list/a.json', 'list/a/1', 'list/b/10', 'list/ba', 'listing'])
      await store().createIfAbsent(name, name);
    const namesOf = async (prefix: string): Promise<string[]> =>
      (await listAll(store(), prefix)).map(({ name }) => name);
    expect(await namesOf('list/')).toEqual(['list/a.json', 'list/a/1', 'list/b/10', 'list/b/2', 'list/ba']);
    expect(await namesOf('list/b')).toEqual(['list/b/10', 'list/b/2', 'list/ba']);
    expect(await namesOf('list/b/')).toEqual(['list/b/10', 'list/b/2']);
    expect(await namesOf('list/b/1')).toEqual(['list/b/10']);
    expect(await namesOf('nothing/')).toEqual([]);
    expect((await namesOf('')).filter((name) => name.startsWith('list'))).toHaveLength(6);
  });
}

function nameTests(store: () => ObjectStore): void {
  const bad = [
    '',
    '/etc/passwd',
    '../out',
    'a/../../out',
    'a/./b',
    'a//b',
    'a/',
    'nul\0',
    'back\\slash',
    'spa ce',
    'é',
  ];
  test.each([...bad, '.tmp/x', 'store.json', `long/${'x'.repeat(256)}`])('the name %j is refused', async (name) => {
    await expect(store().createIfAbsent(name, 'x')).rejects.toThrow(/cannot name an object/);
    await expect(store().get(name)).rejects.toThrow(/cannot name an object/);
    await expect(store().remove(name)).rejects.toThrow(/cannot name an object/);
  });
}

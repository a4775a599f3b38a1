import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openFolderStore } from '../../store/folder-store.js';
import { objectStoreContract } from './contract.js';

const racer = fileURLToPath(new URL('racer.ts', import.meta.url));
let home: string;
let count = 0;
const freshDir = (): string => join(home, `store-${(count += 1)}`);

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'pawl-folder-store-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** A racer that has opened the store and waits for `go`. */
async function startRacer(dir: string, what: string, argument: string[], fileBlocks: string | null = null) {
  const node = [process.execPath, '--import', 'tsx', racer, dir, what, JSON.stringify(argument)];
  const [command = '', ...args] =
    fileBlocks === null ? node : ['bash', '-c', 'ulimit -f "$0" && exec "$@"', fileBlocks, ...node];
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    return line.done === true ? null : JSON.parse(line.value);
  };
  expect(await next()).toBe('ready');
  return { child, next, go: () => child.stdin?.write('go\n') };
}

/** Runs two racers against each other and returns what each of them won. */
async function race(dir: string, what: string, argument: string[]): Promise<{ pid: number; won: number[] }[]> {
  const racers = await Promise.all([startRacer(dir, what, argument), startRacer(dir, what, argument)]);
  for (const { go } of racers) go();
  return (await Promise.all(racers.map(({ next }) => next()))) as { pid: number; won: number[] }[];
}

describe('the contract of every store', () => {
  objectStoreContract(() => openFolderStore(freshDir()));
});

describe('between processes', () => {
  const indices = Array.from({ length: 200 }, (_, index) => index);
  const sorted = (numbers: number[]): number[] => numbers.sort((a, b) => a - b);

  test('two that create the same 200 objects win each object once', async () => {
    const dir = freshDir();
    const [one, two] = await race(dir, 'create', indices.map(String));
    expect(sorted([...(one?.won ?? []), ...(two?.won ?? [])])).toEqual(indices);
    const store = await openFolderStore(dir);
    for (const { pid, won } of [one, two].filter((side) => side !== undefined))
      for (const index of won) expect(String(await readFile(join(dir, 'race', String(index))))).toBe(String(pid));
    expect(await store.head('race/199')).not.toBeNull();
    expect(await readdir(join(dir, '.tmp'))).toEqual([]);
  });

  test('two that swap the same versions of 200 objects win each object once', async () => {
    const dir = freshDir();
    const store = await openFolderStore(dir);
    const etags: string[] = [];
    for (const index of indices) {
      await store.createIfAbsent(`swap/${index}`, 'start');
      etags.push((await store.getVersioned(`swap/${index}`))?.etag ?? '');
    }
    const sides = await race(dir, 'swap', etags);
    expect(sorted(sides.flatMap(({ won }) => won))).toEqual(indices);
    for (const { pid, won } of sides)
      for (const index of won) expect(String(Buffer.from((await store.get(`swap/${index}`)) ?? []))).toBe(String(pid));
  });

  test('two that count up one object lose no count', async () => {
    const dir = freshDir();
    const store = await openFolderStore(dir);
    await store.createIfAbsent('counter', '0');
    await race(dir, 'count', indices.map(String));
    expect(String(Buffer.from((await store.get('counter')) ?? []))).toBe('400');
  });

  test('two that open a new folder get the same id', async () => {
    const dir = freshDir();
    const stores = await Promise.all([openFolderStore(dir), openFolderStore(dir), openFolderStore(dir)]);
    expect(new Set(stores.map(({ id }) => id)).size).toBe(1);
    expect(stores[0].id).not.toBe((await openFolderStore(freshDir())).id);
  });
});

describe('a process killed in mid-write', () => {
  test('leaves no new object, and the old version of a swapped one', async () => {
    const dir = freshDir();
    const store = await openFolderStore(dir);
    await store.createIfAbsent('swapped', 'old');
    const etag = (await store.getVersioned('swapped'))?.etag ?? '';
    for (const argument of [['created'], ['', 'swapped', etag]]) {
      const { child, next, go } = await startRacer(dir, 'big', argument);
      go();
      expect(await next()).toBe('writing');
      const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
      for (let waited = 0; waited < 5000 && !(await isWriting(dir)); waited += 1) await sleep(1);
      child.kill('SIGKILL');
      expect(await ended).toBe('SIGKILL');
      expect((await readdir(join(dir, '.tmp'))).length, 'it was killed while it wrote').toBe(1);
    }
    await openFolderStore(dir);
    expect(await readdir(join(dir, '.tmp')), 'what is left of the dead goes when the store is opened').toEqual([]);
    expect(await store.head('created')).toBeNull();
    expect(String(Buffer.from((await store.get('swapped')) ?? []))).toBe('old');
    expect(await store.compareAndSwap('swapped', etag, 'new'), 'no lock is left').toBe(true);
    expect(await store.createIfAbsent('created', 'small')).toBe(true);
  });

  test('of another machine leaves a file that is swept a day later', async () => {
    const dir = freshDir();
    await openFolderStore(dir);
    for (const name of ['old', 'young']) await writeFile(join(dir, '.tmp', name), 'half');
    const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(join(dir, '.tmp', 'old'), yesterday, yesterday);
    await openFolderStore(dir);
    expect(await readdir(join(dir, '.tmp'))).toEqual(['young']);
  });

  /** Whether a file in .tmp has begun to grow and none before it was as young. */
  async function isWriting(dir: string): Promise<boolean> {
    const sizes = await Promise.all(
      (await readdir(join(dir, '.tmp'))).map(async (name) => (await stat(join(dir, '.tmp', name))).mtimeMs),
    );
    return sizes.some((modifiedAt) => Date.now() - modifiedAt < 15);
  }
});

describe('when the disk does not take it', () => {
  test('a file beyond the limit of the process fails with the path and the way out, and leaves nothing', async () => {
    const dir = freshDir();
    const { next, go } = await startRacer(dir, 'fail', [String(8 * 1024 * 1024)], '2048');
    go();
    expect(await next()).toEqual({
      name: 'StoreError',
      failureClass: 'store_unavailable',
      message: `Cannot write ${join(dir, 'large')}: the file is larger than this process may write. Raise the limit (\`ulimit -f\`) or use another file system (EFBIG).`,
    });
    expect(await readdir(join(dir, '.tmp'))).toEqual([]);
    expect(await (await openFolderStore(dir)).head('large')).toBeNull();
  });

  test('a full disk fails with the path and the way out; what was there stays', async (context) => {
    const mount = join(home, 'full');
    await mkdir(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount], { stdio: 'ignore' });
    } catch {
      context.skip('mounting a small disk needs root');
    }
    try {
      const store = await openFolderStore(join(mount, 'store'));
      await store.createIfAbsent('kept', 'kept');
      const failure = store.createIfAbsent('large', Buffer.alloc(4 * 1024 * 1024));
      await expect(failure).rejects.toThrow(
        /Cannot write .*full.store.large: the disk is full\. Free some space.*ENOSPC/,
      );
      await expect(failure).rejects.toMatchObject({ failureClass: 'store_unavailable' });
      const source = join(home, 'large-file');
      await writeFile(source, Buffer.alloc(4 * 1024 * 1024));
      await expect(store.createFromFile('large', source)).rejects.toThrow(/the disk is full/);
      expect(await store.head('large')).toBeNull();
      expect(await store.createIfAbsent('small', 'room again')).toBe(true);
      expect(await store.head('kept')).toMatchObject({ bytes: 4 });
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  test('a file in the place of a folder is said plainly', async () => {
    const dir = freshDir();
    const store = await openFolderStore(dir);
    await store.createIfAbsent('a', 'file');
    expect(await store.get('a/b')).toBeNull();
    await expect(store.createIfAbsent('a/b', 'x')).rejects.toThrow(/a file stands where a folder is expected/);
  });
});

describe('store.json', () => {
  test('a store of a newer format is refused with the way out', async () => {
    const dir = freshDir();
    await mkdir(dir);
    await writeFile(join(dir, 'store.json'), '{"pawl":"store","id":"x","formatVersion":2}');
    await expect(openFolderStore(dir)).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringMatching(/has format 2, made by a newer version of Pawl.*Update Pawl/) as string,
    });
  });

  test.each(['', '[]', '{"id":"x"}'])('a folder with a store.json of another kind (%j) is refused', async (body) => {
    const dir = freshDir();
    await mkdir(dir);
    await writeFile(join(dir, 'store.json'), body);
    await expect(openFolderStore(dir)).rejects.toThrow(/is not the store\.json of a store/);
  });

  test('the id stays when the store is opened again', async () => {
    const dir = freshDir();
    expect((await openFolderStore(dir)).id).toBe((await openFolderStore(dir)).id);
  });
});

describe('on the disk', () => {
  test('objects and folders are for their owner only', async () => {
    const dir = freshDir();
    const store = await openFolderStore(dir);
    await store.createIfAbsent('a/b', 'x');
    await store.put('a/c', 'x');
    expect((await stat(join(dir, 'a'))).mode & 0o077).toBe(0);
    for (const name of ['b', 'c']) expect((await stat(join(dir, 'a', name))).mode & 0o777).toBe(0o400);
  });

  test('a file of ours is linked, not copied; one that has other names is copied', async () => {
    const dir = freshDir();
    const store = await openFolderStore(dir);
    const source = join(home, 'ours');
    await writeFile(source, 'x');
    await chmod(source, 0o644);
    await store.createFromFile('linked', source);
    expect((await stat(join(dir, 'linked'))).ino).toBe((await stat(source)).ino);
    await store.createFromFile('second', source);
    expect((await stat(join(dir, 'second'))).ino).not.toBe((await stat(source)).ino);
    expect((await stat(join(dir, 'second'))).mode & 0o777).toBe(0o400);
  });
});

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { listAll } from '../../../store/list-all.js';
import { openStore } from '../../../store/open.js';
import { openS3Store } from '../../../store/s3/s3-store.js';
import { objectStoreContract } from '../contract.js';
import { isFor, useS3 } from './bench.js';

const bench = useS3();
const text = (body: Uint8Array | null): string => new TextDecoder().decode(body ?? new Uint8Array());

describe('the contract of every store', () => {
  objectStoreContract(async () => bench().open(), { swaps: 40 });

  test('every request of the above was signed as the server computes it', () => {
    expect(bench().proxy.seen.length).toBeGreaterThan(200);
    expect(bench().proxy.forged).toEqual([]);
  });
});

describe('the address', () => {
  test('names bucket and prefix, and the store is found again under it', async () => {
    const { variables } = bench();
    const bare = await openS3Store('s3://bucket', variables);
    const below = await openS3Store('s3://bucket/a/b/', variables);
    await bare.put('object', 'of the bucket');
    await below.put('object', 'of the prefix');
    expect(text(await (await openS3Store('s3://bucket/a/b', variables)).get('object'))).toBe('of the prefix');
    expect((await openS3Store('s3://bucket/a/b', variables)).id).toBe(below.id);
    expect(below.id).not.toBe(bare.id);
  });

  test('names with signs that a URL would take for its own stay what they are', async () => {
    const store = await bench().open();
    const names = ['runs/demo%2Fone/1.json', "odd/!'()*+&?#=%20;:@$,~.json", 'odd/<&>"', 'odd/a+b'];
    for (const name of names) expect(await store.createIfAbsent(name, name)).toBe(true);
    for (const name of names) expect(text(await store.get(name))).toBe(name);
    expect((await listAll(store, '')).map(({ name }) => name)).toEqual([...names].sort());
    expect(bench().proxy.forged).toEqual([]);
  });

  test('is opened with the environment of the process', async () => {
    const before = { ...process.env };
    Object.assign(process.env, bench().variables);
    try {
      expect((await openStore('s3://bucket')).id).toBe((await openS3Store('s3://bucket', bench().variables)).id);
    } finally {
      for (const name of Object.keys(bench().variables)) {
        if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
        else process.env[name] = before[name];
      }
    }
  });
});

describe('the id of a store', () => {
  test('is one, however many open the store at the same time', async () => {
    const stores = Array.from({ length: 4 }, () => openS3Store('s3://bucket/raced', bench().variables));
    expect(new Set((await Promise.all(stores)).map(({ id }) => id)).size).toBe(1);
  });

  test.each(['if-none-match', 'if-match'])('is not made on a server that ignores %s', async (header) => {
    const { proxy, variables, server } = bench();
    proxy.drop.add(header);
    try {
      await expect(openS3Store('s3://bucket/refused', variables)).rejects.toMatchObject({
        failureClass: 'config',
        message: expect.stringMatching(new RegExp(`127.0.0.1:\\d+ of the store .* ignores \`${header}`, 'i')) as string,
      });
    } finally {
      proxy.drop.delete(header);
    }
    expect(await (await fetch(`${server.endpoint}/bucket?list-type=2&prefix=refused`)).text()).not.toContain('<Key>');
  });

  test('costs one request once it is made', async () => {
    const { proxy, variables } = bench();
    const { url } = await bench().open();
    const before = proxy.seen.length;
    await openS3Store(url, variables);
    expect(proxy.seen.slice(before).map(({ method, url: path }) => `${method} ${path}`)).toEqual([
      `GET /bucket/${url.slice('s3://bucket/'.length)}/store.json`,
    ]);
  });
});

test('a long listing comes in pages', async () => {
  const { proxy } = bench();
  const store = await bench().open({ pageSize: 3 });
  const names = Array.from({ length: 8 }, (_, index) => `list/${index}`);
  for (const name of names) await store.put(name, name);
  const before = proxy.seen.length;
  expect((await listAll(store, 'list/')).map(({ name }) => name)).toEqual(names);
  expect(proxy.seen.length - before).toBe(3);
});

test('requests share a few connections', async () => {
  const { proxy } = bench();
  const store = await bench().open({ connections: 3 });
  await store.put('shared', 'x');
  Object.assign(proxy.load, { connections: 0, most: 0 });
  await Promise.all(Array.from({ length: 30 }, () => store.get('shared')));
  expect(proxy.load.most).toBe(3);
  expect(proxy.load.connections).toBeLessThanOrEqual(3);
});

test('two processes that create the same objects, or swap the same versions, win each once', async () => {
  const store = await bench().open();
  const indices = Array.from({ length: 25 }, (_, index) => index);
  const etags: string[] = [];
  for (const index of indices) {
    await store.put(`swap/${index}`, 'start');
    etags.push((await store.getVersioned(`swap/${index}`))?.etag ?? '');
  }
  for (const what of ['create', 'swap']) {
    const sides = await Promise.all([race(store.url, what, etags), race(store.url, what, etags)]);
    expect(sides.flatMap(({ won }) => won).sort((a, b) => a - b)).toEqual(indices);
    const folder = what === 'create' ? 'race' : 'swap';
    for (const { pid, won } of sides)
      for (const index of won) expect(text(await store.get(`${folder}/${index}`))).toBe(String(pid));
  }
});

/** What a process of its own won. */
async function race(url: string, what: string, argument: string[]): Promise<{ pid: number; won: number[] }> {
  const racer = fileURLToPath(new URL('../racer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', racer, url, what, JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...bench().variables },
  });
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === '"ready"') child.stdin.write('go\n');
    last = line;
  }
  return JSON.parse(last) as { pid: number; won: number[] };
}

test('the time of a request is limited by silence, not by the size of what moves', async () => {
  const { proxy } = bench();
  const store = await bench().open({ idleMs: 300 });
  await store.put('slow', 'x');
  proxy.harm(isFor('GET', 'slow'), 'stall');
  expect(text(await store.get('slow'))).toBe('x');
});

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test } from 'vitest';
import { ingestFile } from '../../../store/artifacts.js';
import { openS3Store } from '../../../store/s3/s3-store.js';
import { digestOf } from '../../../schemas/identity.js';
import { names } from '../../../store/store.js';
import type { ObjectStore } from '../../../store/store.js';
import { isFor, useS3 } from './bench.js';
import type { Fault, Seen } from './faulty-proxy.js';

const MiB = 1024 * 1024;
const bench = useS3();
const text = (body: Uint8Array | null | undefined): string => new TextDecoder().decode(body ?? new Uint8Array());
const sent = (match: (seen: Seen) => boolean): number => bench().proxy.seen.filter(match).length;

let store: ObjectStore & { url: string };
beforeEach(async () => {
  store = await bench().open({ partBytes: 5 * MiB });
  bench().proxy.seen.length = 0;
});

/** Uploads that were begun and neither finished nor removed. */
async function uploadsLeft(): Promise<number> {
  const list = await (await fetch(`${bench().server.endpoint}/bucket?uploads`)).text();
  return list.split('<UploadId>').length - 1;
}

describe('an answer that is lost', () => {
  test('of a creation: it was this one that created, and nobody else', async () => {
    bench().proxy.harm(isFor('PUT', 'new'), 'break after', 'break after');
    expect(await store.createIfAbsent('new', 'mine')).toBe(true);
    expect(sent(isFor('PUT', 'new'))).toBe(3);
    expect(await store.createIfAbsent('new', 'mine')).toBe(false);
  });

  test('of a creation that somebody else was quicker with: it was not this one, even with the same bytes', async () => {
    const other = await openS3Store(store.url, bench().server.variables);
    bench().proxy.harm(isFor('PUT', 'raced'), 'break before');
    const creating = store.createIfAbsent('raced', 'same');
    await other.createIfAbsent('raced', 'same');
    const created = await creating;
    const again = await other.createIfAbsent('raced', 'same');
    expect({ created, again }).toEqual({ created: false, again: false });
  });

  test('of a swap: it was this one that swapped', async () => {
    await store.put('swap', 'v0');
    const etag = (await store.getVersioned('swap'))?.etag ?? '';
    bench().proxy.harm(isFor('PUT', 'swap'), 'break after');
    expect(await store.compareAndSwap('swap', etag, 'v1')).toBe(true);
    expect(text(await store.get('swap'))).toBe('v1');
    expect(await store.compareAndSwap('swap', etag, 'v2')).toBe(false);
  });
});

describe('a server in trouble', () => {
  const faults: Fault[] = [
    { status: 503, code: 'SlowDown' },
    { status: 500, code: 'InternalError' },
    { status: 429 },
    { status: 409, code: 'ConditionalRequestConflict' },
    { status: 400, code: 'RequestTimeout' },
    'break before',
  ];
  test('is asked again until it does what it was asked, once', async () => {
    bench().proxy.harm(isFor('PUT', 'trouble'), ...faults);
    expect(await store.createIfAbsent('trouble', 'x')).toBe(true);
    expect(sent(isFor('PUT', 'trouble'))).toBe(faults.length + 1);
    bench().proxy.harm(isFor('GET', 'trouble'), ...faults, 'cut the body');
    expect(text(await store.get('trouble'))).toBe('x');
  });

  test('is given up after a while, with what to do', async () => {
    const impatient = await openS3Store(store.url, bench().variables, { tries: 3, pauseMs: 1 });
    bench().proxy.harm(isFor('GET', 'trouble'), ...Array<Fault>(3).fill({ status: 503, code: 'SlowDown' }));
    await expect(impatient.get('trouble')).rejects.toMatchObject({
      failureClass: 'store_unavailable',
      message: `Cannot read ${store.url.slice('s3://bucket/'.length)}/trouble in the store ${store.url}: the server answered 503 SlowDown. The server is overloaded or down. What is committed stays.`,
    });
    expect(sent(isFor('GET', 'trouble'))).toBe(3);
    const gone = { ...bench().variables, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
    await expect(openS3Store('s3://bucket', gone, { pauseMs: 1 })).rejects.toMatchObject({
      failureClass: 'store_unavailable',
      message: expect.stringMatching(
        /nothing listens at 127\.0\.0\.1:9\. Is the server up, and AWS_ENDPOINT_URL/,
      ) as string,
    });
  });
});

describe('what somebody has to change', () => {
  const cases: [string, Fault & object, RegExp][] = [
    ['config', { status: 403, code: 'AccessDenied', message: 'no s3:PutObject' }, /may not do that\. Allow s3:Get.*no s3:PutObject/],
    ['config', { status: 403, code: 'InvalidAccessKeyId' }, /does not know the access key\. Check AWS_ACCESS_KEY_ID/],
    ['config', { status: 403, code: 'SignatureDoesNotMatch' }, /Check AWS_SECRET_ACCESS_KEY/],
    ['config', { status: 403, code: 'RequestTimeTooSkewed' }, /The clock of this machine/],
    ['config', { status: 404, code: 'NoSuchBucket' }, /There is no bucket bucket\. Create it/],
    ['config', { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'eu-west-1' } }, /Set AWS_REGION to eu-west-1/],
    ['config', { status: 501, code: 'NotImplemented' }, /lacks a part of S3/],
    ['store_unavailable', { status: 400, code: 'ExpiredToken' }, /have run out\. Start the worker again with new ones/],
  ]; // prettier-ignore
  test.each(cases)('is %s after %j, and no secret is told', async (failureClass, fault, message) => {
    for (const method of ['GET', 'PUT']) {
      bench().proxy.harm(isFor(method, 'x'), fault);
      const failure: unknown = await (method === 'GET' ? store.get('x') : store.createIfAbsent('x', '')).catch((error: unknown) => error);
      expect(failure).toMatchObject({ failureClass, message: expect.stringMatching(message) as string });
      expect(String(failure)).not.toMatch(/test-id|test-secret/);
    }
    expect(sent(isFor('GET', 'x')), 'nothing is asked again').toBe(1);
  }); // prettier-ignore

  test('a bucket that is not there is no empty store', async () => {
    await expect(openS3Store('s3://no-such-bucket/x', bench().variables)).rejects.toThrow(
      /There is no bucket no-such-bucket/,
    );
  });
});

describe('a download', () => {
  test('that breaks off goes on where it stopped, and is hashed on its way', async () => {
    const body = randomBytes(3 * MiB);
    await store.put('large', body);
    bench().proxy.harm(isFor('GET', 'large'), 'cut the body', 'cut the body', { status: 503 });
    const path = join(bench().folder, 'large');
    expect(await store.toFile('large', path)).toMatchObject({ bytes: body.length, digest: digestOf(body) });
    expect(Buffer.compare(await readFile(path), body)).toBe(0);
    const ranges = bench()
      .proxy.seen.filter(isFor('GET', 'large'))
      .map(({ headers }) => headers.range);
    expect(ranges[0]).toBeUndefined();
    expect(ranges.slice(1).every((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]) > 0)).toBe(true);
  });

  test('that fails leaves no file', async () => {
    const path = join(bench().folder, 'denied');
    bench().proxy.harm(isFor('GET', 'denied'), { status: 403, code: 'AccessDenied' });
    await expect(store.toFile('denied', path)).rejects.toMatchObject({ failureClass: 'config' });
    expect((await readdir(bench().folder)).filter((name) => name.startsWith('denied'))).toEqual([]);
  });
});

describe('a large file', () => {
  const isPart = (seen: Seen): boolean => seen.method === 'PUT' && seen.url.includes('partNumber=');
  const isEnd = (seen: Seen): boolean => seen.method === 'POST' && seen.url.includes('uploadId=');
  const isBegin = (seen: Seen): boolean => seen.method === 'POST' && seen.url.endsWith('?uploads=');
  const source = async (name: string): Promise<{ path: string; body: Buffer }> => {
    const body = randomBytes(11 * MiB);
    const path = join(bench().folder, name);
    await writeFile(path, body);
    return { path, body };
  };

  test('comes in parts, each sent again until it is there, and is one object', async () => {
    const { path, body } = await source('parts');
    bench().proxy.harm(isPart, { status: 503, code: 'SlowDown' }, 'break after', 'break before');
    const { digest } = await ingestFile(store, path, 'ours');
    expect(sent(isPart)).toBe(6);
    expect(Buffer.compare(Buffer.from((await store.get(names.blob(digest))) ?? []), body)).toBe(0);
    const middle = await store.get(names.blob(digest), { start: 5 * MiB - 2, end: 5 * MiB + 2 });
    expect(Buffer.from(middle ?? [])).toEqual(body.subarray(5 * MiB - 2, 5 * MiB + 2));
    const before = sent(isBegin);
    expect(await store.createFromFile(names.blob(digest), path)).toMatchObject({ created: false, bytes: body.length });
    expect(sent(isBegin), 'what is there is not sent again').toBe(before);
  });

  test('whose last answer is lost was created by this one', async () => {
    const { path } = await source('lost');
    bench().proxy.harm(isEnd, 'break after');
    expect(await store.createFromFile('lost', path)).toMatchObject({ created: true });
    expect(await uploadsLeft()).toBe(0);
  });

  test('that somebody else created meanwhile stays theirs', async () => {
    const { path } = await source('theirs');
    bench().proxy.harm(isEnd, { status: 503, code: 'SlowDown' });
    const other = await openS3Store(store.url, bench().server.variables);
    const creating = store.createFromFile('theirs', path);
    while (sent(isEnd) === 0) await sleep(2);
    expect(await other.createIfAbsent('theirs', 'first')).toBe(true);
    const { created } = await creating;
    expect(text(await store.get('theirs'))).toBe('first');
    expect(created).toBe(false);
    expect(await uploadsLeft()).toBe(0);
  });

  test.each(['small', 'large'])(
    'that changes while it is stored is refused (%s), and nothing is left',
    async (size) => {
      const { path } = await source(`changed-${size}`);
      if (size === 'small') await writeFile(path, 'small');
      const digest = digestOf(await readFile(path));
      await appendFile(path, 'more');
      await expect(store.createFromFile('changed', path, { digest })).rejects.toMatchObject({ failureClass: 'data' });
      expect(await store.head('changed')).toBeNull();
      expect(await uploadsLeft()).toBe(0);
    },
  );

  test('whose process is killed in mid-upload is not there; the next process puts it there, and old parts go', async () => {
    const { path, body } = await source('killed');
    bench().proxy.harm((seen) => seen.url.includes('partNumber=3'), 'stall');
    const program = `
      const { openS3Store } = await import(${JSON.stringify(fileURLToPath(new URL('../../../store/s3/s3-store.ts', import.meta.url)))});
      const store = await openS3Store(${JSON.stringify(store.url)}, process.env, { partBytes: ${5 * MiB} });
      await store.createFromFile('killed', ${JSON.stringify(path)});`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: 'inherit',
      env: { ...process.env, ...bench().variables },
    });
    const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
    while (sent(isPart) < 3) await sleep(5);
    child.kill('SIGKILL');
    expect(await ended).toBe('SIGKILL');
    expect(await store.head('killed')).toBeNull();
    expect(await uploadsLeft()).toBe(1);
    // The server says of every upload that it began in 2010.
    const patient = await openS3Store(store.url, bench().variables, {
      partBytes: 5 * MiB,
      uploadLifetimeMs: Number.POSITIVE_INFINITY,
    });
    expect(await patient.createFromFile('killed', path)).toMatchObject({ created: true });
    expect(await uploadsLeft(), 'a young upload may be of somebody who works').toBe(1);
    expect(Buffer.compare(Buffer.from((await store.get('killed')) ?? []), body)).toBe(0);
    const later = await openS3Store(store.url, bench().variables, { partBytes: 5 * MiB });
    await later.createFromFile('later', path);
    expect(await uploadsLeft()).toBe(0);
    expect(await store.head('later')).toMatchObject({ bytes: body.length });
  });
});

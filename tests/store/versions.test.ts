import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { currentVersion, linkAfter, linkNext, removeVersions } from '../../store/versions.js';

const HOUR = 60 * 60 * 1000;
let dir: string;
let tmp: string;
const file = () => ({ base: join(dir, 'claim'), versions: join(dir, '.versions', 'claim') });
const newFile = async (body: string): Promise<string> => {
  const path = join(dir, `tmp-${body}`);
  await writeFile(path, body);
  return path;
};
const currentBody = async (): Promise<string> => readFile((await currentVersion(file()))?.path ?? 'none', 'utf8');
const numbers = async (): Promise<number[]> => (await readdir(file().versions)).map(Number);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-versions-'));
  tmp = join(dir, 'tmp');
  await mkdir(tmp);
  await writeFile(file().base, '0');
  for (let round = 1; round <= 30; round += 1)
    await linkNext(file(), (await currentVersion(file()))?.etag ?? '', await newFile(String(round)));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test('young versions stay, so that a slow writer cannot take a number twice', async () => {
  expect(await numbers()).toHaveLength(30);
  expect(await linkAfter(file(), 12, await newFile('slow'), Date.now())).toBe(false);
  expect(await currentBody()).toBe('30');
});

test('old versions are dropped but for the last few, and the object is what it was', async () => {
  expect(await linkAfter(file(), 30, await newFile('31'), Date.now() + HOUR)).toBe(true);
  expect(await numbers()).toEqual(Array.from({ length: 16 }, (_, index) => index + 16));
  expect(await currentBody()).toBe('31');
});

test('a writer that slept until its number was dropped has lost, takes its file back and was never seen', async () => {
  await linkAfter(file(), 30, await newFile('31'), Date.now() + HOUR);
  expect(await linkAfter(file(), 4, await newFile('sleeper'), Date.now())).toBe(false);
  expect(await numbers()).toEqual(Array.from({ length: 16 }, (_, index) => index + 16));
  expect(await currentBody()).toBe('31');
});

test('a writer that was overtaken right after it won has still won', async () => {
  expect(await linkAfter(file(), 30, await newFile('31'), Date.now())).toBe(true);
  await rm(join(file().versions, '000000000031'));
  await writeFile(join(file().versions, '000000000032'), '32');
  expect(await linkAfter(file(), 30, await newFile('31b'), Date.now())).toBe(true);
  expect(await currentBody()).toBe('32');
});

test('a writer that read the object before it was removed does not bring it back', async () => {
  const etag = (await currentVersion(file()))?.etag ?? '';
  await rm(file().base);
  await removeVersions(file(), tmp);
  expect(await currentVersion(file())).toBeNull();
  expect(await linkNext(file(), etag, await newFile('late'))).toBe(false);
  expect(await linkAfter(file(), 30, await newFile('later'), Date.now())).toBe(false);
  await mkdir(file().versions, { recursive: true });
  expect(await linkAfter(file(), 0, await newFile('first'), Date.now())).toBe(false);
  expect(await currentVersion(file())).toBeNull();
});

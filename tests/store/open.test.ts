import { readdir } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openStore } from '../../store/open.js';
import { useBench } from './fixtures.js';

const bench = useBench();

test('a path and a file:// URL open the same store', async () => {
  const dir = join(bench().dir, 'with space');
  const byPath = await openStore(dir);
  const byUrl = await openStore(pathToFileURL(dir).href);
  expect(byUrl.id).toBe(byPath.id);
  expect(await readdir(dir)).toContain('store.json');
});

test.each([
  ['s3://Bucket_/prefix', /names no bucket. Write s3:\/\/bucket or/],
  ['gs://bucket', /must be a folder/],
  ['', /must be a folder/],
])('the address %j is refused with the way out', async (url, message) => {
  await expect(openStore(url)).rejects.toThrow(message);
  await expect(openStore(url)).rejects.toMatchObject({ failureClass: 'config' });
});

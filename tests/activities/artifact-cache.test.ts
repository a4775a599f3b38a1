import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createArtifactCache } from '../../activities/artifact-cache.js';
import { ingestFolder } from '../../store/artifacts.js';
import { openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const stored = async (name: string): Promise<string> => {
  const folder = join(bench.home, name);
  await mkdir(folder);
  await writeFile(join(folder, 'x'), name.repeat(1_000));
  return (await ingestFolder(bench.store, folder, 'folder')).tree;
};

it('evicts what nobody uses, and nothing that somebody does', async () => {
  const cache = createArtifactCache(bench.store, join(bench.home, 'small'), 1);
  const old = cache.lease();
  const kept = cache.lease();
  const [unused, used] = [await old.artifact(await stored('unused')), await kept.artifact(await stored('used'))];
  const hourAgo = Date.now() / 1000 - 3_600;
  for (const path of [unused, used]) await utimes(`${path}.used`, hourAgo, hourAgo);
  old.close();
  await vi.waitFor(() => expect(existsSync(unused)).toBe(false));
  expect(readdirSync(used)).toEqual(['x']);
  kept.close();
});

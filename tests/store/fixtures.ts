// What the tests of the records share: a fresh store in a folder of its own, and folders to put into it.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { Result, StoredArtifact } from '../../schemas/generated/records.js';
import { openFolderStore } from '../../store/folder-store.js';
import type { ObjectStore } from '../../store/store.js';

export interface Bench {
  /** Holds everything of the test; removed after it. */
  dir: string;
  storeDir: string;
  cacheDir: string;
  store: ObjectStore;
  /** Writes a folder of files and returns its path. */
  folder: (name: string, files: Record<string, string>) => Promise<string>;
}

/** A bench for each test of the file. */
export function useBench(): () => Bench {
  let bench: Bench | null = null;
  beforeEach(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'pawl-store-'));
    const storeDir = join(dir, 'store');
    const folder = async (name: string, files: Record<string, string>): Promise<string> => {
      await mkdir(join(dir, name), { recursive: true });
      for (const [path, body] of Object.entries(files)) {
        await mkdir(dirname(join(dir, name, path)), { recursive: true });
        await writeFile(join(dir, name, path), body);
      }
      return join(dir, name);
    };
    bench = { dir, storeDir, cacheDir: join(dir, 'cache'), store: await openFolderStore(storeDir), folder };
  });
  afterEach(async () => {
    if (bench !== null) await rm(bench.dir, { recursive: true, force: true });
  });
  return () => {
    if (bench === null) throw new Error('the bench is there inside a test only');
    return bench;
  };
}

/** A result record of these outputs. */
export const resultOf = (key: string, outputs: Record<string, StoredArtifact>, attempt = '1'): Result => ({
  schema: 1,
  key,
  derivation: { kind: 'test.sleep', version: 1, inputs: { seconds: 1 }, seed: null, environment: {} },
  outputs,
  metrics: { loss: 0.5, nothing: null },
  run: 'demo/one',
  path: 'sleep',
  attempt,
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:00:01.000Z',
  seconds: 1,
  resumedFrom: null,
  provenance: {},
  journal: null,
});

// Faults as they happen, on the real trainer, a real store and a real disk: what they are called, what is said, and that the
// next attempt ends with what an undisturbed one makes.
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createArtifactCache } from '../../activities/artifact-cache.js';
import { createEngine } from '../../activities/engine/engine.js';
import { createMutex } from '../../activities/engine/mutex.js';
import type { Slot } from '../../activities/host.js';
import type { KindImplementation } from '../../activities/kind.js';
import { newestCheckpoint } from '../../store/checkpoints.js';
import { putInput } from '../../store/files.js';
import { listAll } from '../../store/list-all.js';
import { openStore } from '../../store/open.js';
import { readResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import { mountSmallDisk } from '../support/small-disk.js';
import { attempt, callOf, openBench, type Bench } from './bench.js';
import { isAlive } from './engine/fixture.js';

const logs = mkdtempSync(join(tmpdir(), 'pawl-faults-'));
const repository = resolve(import.meta.dirname, '../..');
let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

/** One trainer for the file: started when first asked for. */
const trainer: Slot = {
  engine: createEngine({
    ...{ command: join(repository, '.pawl/python/bin/python'), args: ['-m', 'pawl_trainer'] },
    ...{ pythonPath: join(repository, 'trainer'), logFile: join(logs, 'trainer.log') },
    ...{ threads: 1, cacheBytes: 1e6, startTimeoutMs: 120_000, killGraceMs: 2_000, cancelGraceMs: 10_000 },
  }),
  mutex: createMutex(),
  hostQueue: 'trainer@here',
};
afterAll(async () => {
  await trainer.engine.stop();
  rmSync(logs, { recursive: true });
});

/** A step that the trainer's `probe` does, whose value depends on every one of its steps. */
const probing =
  (inputs: Record<string, unknown>): KindImplementation =>
  async (context) => {
    const { seed } = context;
    const { metrics } = await context.engine({ op: 'probe', inputs: { steps: 6, ...inputs }, seed });
    return metrics;
  };
const call = (change = {}) => callOf(bench, 'test.sleep', { steps: 6, step_ms: 0, value: 1 }, change);
const probe = (inputs: Record<string, unknown> = {}, number = 1, host: Partial<Bench['host']> = {}) =>
  attempt(bench, call(), { kind: probing(inputs), slot: trainer, number, host });

const failureOf = async (outcome: Promise<unknown>): Promise<ApplicationFailure> => {
  const error: unknown = await outcome.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof ApplicationFailure) return error;
  throw error;
};
const hintIn = ({ details }: ApplicationFailure): string => (details?.[0] as { hint: string }).hint;

/** What an undisturbed step gives. */
async function undisturbed(): Promise<unknown> {
  const other = await openBench();
  const given = callOf(other, 'test.sleep', call().inputs);
  const { metrics } = await attempt(other, given, { kind: probing({}), slot: trainer }).outcome;
  await other.close();
  return metrics;
}

/** Changes one bit of a stored file, behind the store's back. */
async function flipBit(blob: string): Promise<void> {
  const path = join(bench.home, 'store', names.blob(blob));
  const bytes = await readFile(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  await chmod(path, 0o644);
  await writeFile(path, bytes);
}
const blobOf = async (tree: string, file: string): Promise<string> => {
  const { files } = JSON.parse(String(await bench.store.get(names.blob(tree)))) as {
    files: { path: string; digest: string }[];
  };
  return files.find(({ path }) => path === file)?.digest ?? '';
};
/** This host as it is after a restart: it has read nothing yet. */
const afterRestart = async () => {
  const store = await openStore(join(bench.home, 'store'));
  return { store, cache: createArtifactCache(store, join(bench.home, 'cache-2'), 1e9) };
};

describe('a trainer', () => {
  it('that is killed with -9 is a crash, and the next one goes on from its checkpoint to the same value', async () => {
    const slow = probe({ step_ms: 100 });
    await vi.waitFor(
      async () => expect((await newestCheckpoint(bench.store, call().checkpointKey))?.step).toBeGreaterThan(1),
      { timeout: 60_000 },
    );
    const pid = trainer.engine.pid() ?? 0;
    process.kill(pid, 'SIGKILL');
    const failure = await failureOf(slow.outcome);
    expect(failure).toMatchObject({ type: 'trainer_crash', nonRetryable: false });
    expect(failure.message).toContain('was ended by SIGKILL while it was running `probe`. Nobody asked for it here');
    expect(hintIn(failure)).toContain('log of the attempt');
    expect(await isAlive(pid)).toBe(false);
    const again = await probe({}, 2).outcome;
    expect(again.resumedFrom).toBeGreaterThan(1);
    expect(again.metrics).toEqual(await undisturbed());
  }, 120_000);

  it('whose memory runs out says so, is not tried again, and gives way to a fresh one', async () => {
    await probe().outcome;
    const pid = trainer.engine.pid();
    const failure = await failureOf(
      attempt(bench, callOf(bench, 'test.sleep', { steps: 1, step_ms: 0, value: 9 }), {
        kind: async (context) => (await context.engine({ op: 'probe', inputs: { steps: 1, alloc: 2 ** 62 } })).metrics,
        slot: trainer,
      }).outcome,
    );
    expect(failure).toMatchObject({ type: 'oom', nonRetryable: true });
    expect(failure.message).toContain('The memory of the machine ran out.');
    expect(hintIn(failure)).toContain('a machine with more memory');
    await probe({}, 2).outcome;
    expect(trainer.engine.pid()).not.toBe(pid);
  }, 120_000);
});

const disk = mountSmallDisk(1);
afterAll(() => disk?.remove());
describe.skipIf(disk === null)('a full disk', () => {
  const path = disk?.path ?? '';
  const fill = join(path, 'fill');
  const emptied = () => rm(fill, { force: true });

  it('of the store is named with what is free; nothing is half there, and the step goes on with room', async () => {
    const store = await openStore(join(path, 'store'));
    const run = { ...bench.run, storeId: store.id };
    const wide: KindImplementation = async (context) => {
      await writeFile(join(await context.outputDir('folder'), 'wide'), Buffer.alloc(600_000, 1));
      context.metric(1, { value: 1 });
      return { value: 1 };
    };
    await writeFile(fill, Buffer.alloc(900_000));
    const given = { ...call(), run };
    const failure = await failureOf(attempt(bench, given, { kind: wide, host: { store } }).outcome);
    expect(failure).toMatchObject({ type: 'store_unavailable', nonRetryable: false });
    expect(failure.message).toContain('the disk is full');
    expect(failure.message).toMatch(new RegExp(`The disk at ${path} has 0\\.\\d MB free of 1\\.0 MB`));
    expect(await readResult(store, given.key)).toBe(null);
    await emptied();
    const again = attempt(bench, given, { kind: wide, number: 2, host: { store } });
    expect((await again.outcome).metrics).toEqual({ value: 1 });
  });

  it('under a trainer is named, too, and the step goes on with room', async () => {
    const workRoot = join(path, 'work');
    await mkdir(workRoot, { recursive: true });
    await rm(join(path, 'store'), { recursive: true, force: true });
    await writeFile(fill, Buffer.alloc(1_000_000)).catch(() => undefined); // as much as fits
    await writeFile(join(path, 'rest'), Buffer.alloc(100_000)).catch(() => undefined);
    const failure = await failureOf(probe({}, 1, { workRoot }).outcome);
    expect(failure).toMatchObject({ type: 'store_unavailable', nonRetryable: false });
    expect(failure.message).toMatch(new RegExp(`disk at ${path} has 0\\.\\d MB free of 1\\.0 MB`, 'i'));
    await emptied();
    await rm(join(path, 'rest'), { force: true });
    expect((await probe({}, 2, { workRoot }).outcome).metrics).toEqual(await undisturbed());
  }, 120_000);
});

describe('a broken input', () => {
  it('is named with its file and line, and not tried again', async () => {
    const folder = join(bench.home, 'given');
    await mkdir(join(folder, 'qrels'), { recursive: true });
    await writeFile(join(folder, 'queries.jsonl'), '{"_id":"q1","text":"b"}\n');
    await writeFile(join(folder, 'qrels', 'test.tsv'), 'query-id\tcorpus-id\tscore\nq1\td1\t1\n');
    await writeFile(join(folder, 'corpus.jsonl'), '{"_id":"d1","text":"a"}\n{"_id":"d2",');
    const given = { $file: { path: folder, ...(await putInput(bench.store, folder)) } };
    const failure = await failureOf(
      attempt(
        bench,
        callOf(bench, 'data.jsonl', { folder: given, format: 'beir', language: '', document_language: '' }),
      ).outcome,
    );
    expect(failure).toMatchObject({ type: 'data', nonRetryable: true });
    expect(failure.message).toMatch(/corpus\.jsonl:2/);
    expect(hintIn(failure)).toContain('the place that the message names');
  });
});

describe('a flipped bit', () => {
  it('in an artifact is found when it is read; it is set aside, and its step makes it again', async () => {
    const maker = callOf(bench, 'test.sleep', { steps: 2, step_ms: 0, value: 3 });
    const { outputs } = await attempt(bench, maker).outcome;
    const tree = (await readResult(bench.store, maker.key))?.outputs['folder']?.tree ?? '';
    await flipBit(await blobOf(tree, 'counter.json'));
    const reader = callOf(bench, 'test.sleep', { steps: 2, step_ms: 0, value: 4, previous: outputs['folder'] ?? null });
    const host = await afterRestart();
    const failure = await failureOf(attempt(bench, reader, { host }).outcome);
    expect(failure.type).toBe('artifact_damaged');
    expect(failure.message).toContain('quarantine/blobs/');
    expect((await listAll(bench.store, 'quarantine/')).map(({ name }) => name)).toEqual([
      expect.stringContaining('quarantine/blobs/'),
      `quarantine/${names.result(maker.key)}`,
    ]);
    await attempt(bench, maker, { host }).outcome;
    expect((await readResult(bench.store, maker.key))?.outputs['folder']?.tree).toBe(tree);
    expect((await attempt(bench, reader, { number: 2, host }).outcome).metrics).toMatchObject({ value: 4 });
  });

  it('in a checkpoint costs the steps since the one before it, and nothing else', async () => {
    const failing = probe({ crash_at: 4 });
    await failureOf(failing.outcome);
    const newest = await newestCheckpoint(bench.store, call().checkpointKey);
    expect(newest?.step).toBe(4);
    await flipBit(await blobOf(newest?.tree ?? '', 'state.json'));
    const again = await probe({}, 2, await afterRestart()).outcome;
    expect(again.resumedFrom).toBe(3);
    expect(again.metrics).toEqual(await undisturbed());
  }, 120_000);
});

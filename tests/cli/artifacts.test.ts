import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifactsOf, findArtifact, splitArtifactPath } from '../../cli/artifact-path.js';
import { listingLines } from '../../cli/commands/artifacts.js';
import { findRecord } from '../../cli/find-record.js';
import type { RunRecord, StepRecord } from '../../schemas/generated/records.js';
import { planHash } from '../../schemas/identity.js';
import { ingestFolder } from '../../store/artifacts.js';
import { commitClick, pruneClicks } from '../../store/clicks.js';
import { openStore } from '../../store/open.js';
import { putPlan } from '../../store/plans.js';
import { commitResult } from '../../store/results.js';
import { writeRun } from '../../store/runs.js';
import type { ObjectStore } from '../../store/store.js';
import config from '../../temporal.config.js';
import { resultOf } from '../store/fixtures.js';
import { countingLoop, planOf, step } from '../workflows/rig.js';

const stepRecord = (path: string, kind: string, given: Partial<StepRecord>): StepRecord => ({
  ...{ path, kind, key: null, state: 'done', reason: null, startedAt: null, endedAt: null, seconds: 1, attempts: 1 },
  ...{ resumedFrom: null, metrics: {}, failure: null, clicks: null, ...given },
});

describe('the artifacts of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-artifacts-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let store: ObjectStore;
  let record: RunRecord;

  /** A result with one file, under this key. */
  const make = async (key: string): Promise<void> => {
    const files = join(folder, key);
    mkdirSync(files);
    writeFileSync(join(files, 'a.txt'), key);
    const out = await ingestFolder(store, files, 'folder');
    await commitResult(store, resultOf(key, key === 'two' ? { left: out, right: out } : { out }));
  };

  beforeAll(async () => {
    store = await openStore(join(folder, 'store'));
    const plan = planOf({ rl: countingLoop({ max: 3, keep: { last: 1, every: null, best: null } }), two: step() });
    await putPlan(store, plan);
    for (const key of ['two', 'i0', 'i1', 'i2']) await make(key);
    for (const index of [0, 1, 2]) {
      const at = { $artifact: { key: `i${index}`, output: 'out', type: 'folder' as const } };
      const keys = { work: `i${index}` };
      const createdAt = '2026-01-01T00:00:00.000Z';
      await commitClick(store, {
        schema: 1,
        loopKey: 'l',
        index,
        carry: { at },
        metrics: {},
        keys,
        seconds: 1,
        createdAt,
      });
      await pruneClicks(store, 'l', { last: 1, every: null, best: null });
    }
    record = {
      ...{ schema: 1, workflowId: 'pipe/first', runId: 'r', planHash: planHash(plan), name: 'pipe', state: 'done' },
      ...{ startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, gitCommit: null, metrics: {}, failures: [], lost: {} },
      steps: [stepRecord('rl', 'loop', { key: 'l', clicks: 2 }), stepRecord('two', 'test.work', { key: 'two' })],
      outputs: { best: { $artifact: { key: 'i1', output: 'out', type: 'folder' } } },
      mlflow: null,
    };
    await writeRun(store, record);
  });

  const pathsOf = async (prefix: string | null): Promise<string[]> =>
    (await artifactsOf(config, store, record, prefix)).artifacts.map(({ path }) => path);

  it('are its outputs, those of its steps, and the carries of its loops as far as it took them', async () => {
    expect(await pathsOf(null)).toEqual(['two.left', 'two.right', 'best']);
    const { loops } = await artifactsOf(config, store, record, 'rl');
    // Iteration 2 is another run's, and only its carry is kept.
    expect(loops).toEqual([{ path: 'rl', iterations: 2, kept: [] }]);
    record.steps[0] = stepRecord('rl', 'loop', { key: 'l', clicks: 3 });
    expect(await pathsOf('rl')).toEqual(['rl.at']);
    expect(await pathsOf('rl[1]')).toEqual(['rl[1].work.out']);
    expect(await pathsOf('rl[1].work')).toEqual(['rl[1].work.out']);
    expect(await pathsOf('rl[7]')).toEqual([]);
  });

  it('are found by step and output, in an iteration, as an output of the run, and by the step alone when it has one', async () => {
    const found = async (path: string): Promise<string | null> =>
      (await findArtifact(config, store, record, path))?.tree ?? null;
    const tree = await found('rl[1].work.out');
    expect(tree).toMatch(/^sha256:/);
    expect(await found('best')).toBe(tree);
    expect(await found('rl[1].work')).toBe(tree);
    expect(await found('rl.at')).toBe(await found('rl[2].work.out'));
    expect(await found('two.left')).not.toBeNull();
    for (const none of ['two', 'two.middle', 'three.out', 'rl[9].work.out', '..', ''])
      expect(await found(none)).toBeNull();
  });

  it('are listed with what is kept of each loop', () => {
    const file = { type: 'folder', bytes: 1_234, files: 1, tree: 'sha256:0', state: 'gone' as const };
    const loops = [{ path: 'rl', iterations: 9, kept: [1, 2, 3, 8] }];
    expect(listingLines('pipe/first', { artifacts: [{ path: 'two.left', ...file }], loops })).toEqual([
      'path                 type      size',
      'pipe/first@two.left  folder  1.2 kB  1 file  pruned',
      "rl: 9 iterations; kept: 1-3, 8. `pawl artifacts ls 'pipe/first@rl[8]'` lists those of one.",
    ]);
  });

  it('belong to the run that a person means, or to none, with what was meant', async () => {
    expect((await findRecord(store, 'first')).record.workflowId).toBe('pipe/first');
    expect((await findRecord(store, undefined)).record.workflowId).toBe('pipe/first');
    await expect(findRecord(store, 'pipe/frist')).rejects.toThrow(
      'There is no run pipe/frist in the store. Did you mean pipe/first? The latest: pipe/first.',
    );
    expect(splitArtifactPath('pipe/first@train[lr=0.1].model')).toEqual({
      run: 'pipe/first',
      path: 'train[lr=0.1].model',
    });
    expect(splitArtifactPath('pipe')).toEqual({ run: 'pipe', path: null });
  });
});

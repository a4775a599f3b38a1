import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResolveInput } from '../../activities/calls.js';
import { localActivities } from '../../activities/local-activities.js';
import { acquireClaim } from '../../store/claims.js';
import { readResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import type { KindImplementation } from '../../activities/kind.js';
import { StepFailure } from '../../activities/kind.js';
import { attempt, callOf, openBench, planKind, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const inputs = { steps: 3, step_ms: 1, value: 1 };
const resolve = (change: Partial<ResolveInput> = {}) =>
  localActivities(bench.host).resolve({
    run: bench.run,
    path: 'nap',
    uses: 'test.sleep',
    kind: planKind('test.sleep'),
    inputs,
    runSeed: 0,
    indices: [],
    cache: true,
    ...change,
  });

describe('resolve', () => {
  it('says run where nothing is known of the key, and the same key that the step will have', async () => {
    const { key, checkpointKey } = callOf(bench, 'test.sleep', inputs);
    expect(await resolve()).toEqual({
      state: 'run',
      key,
      checkpointKey,
      seed: null,
      reason: 'no result yet',
      checkpointStep: null,
    });
  });

  it('says cached with the outcome once a result stands', async () => {
    const call = callOf(bench, 'test.sleep', inputs);
    await attempt(bench, call).outcome;
    expect(await resolve()).toMatchObject({
      state: 'cached',
      key: call.key,
      outcome: {
        outputs: { folder: { $artifact: { key: call.key } } },
        metrics: { steps: 3, value: 1 },
        attempts: 0,
        seconds: 0,
      },
    });
  });

  it('says resumable where a checkpoint is left', async () => {
    const dying: KindImplementation = async (context) => {
      await context.saveCheckpoint(await context.outputDir('state'), 2).catch(() => undefined);
      throw new StepFailure('comm', 'gone');
    };
    await attempt(bench, callOf(bench, 'test.sleep', inputs), { kind: dying }).outcome.catch(() => undefined);
    expect(await resolve()).toMatchObject({ state: 'resumable', checkpointStep: 2, reason: 'checkpoint of step 2' });
  });

  it('says pruned where the artifacts of a result are gone', async () => {
    const call = callOf(bench, 'test.sleep', inputs);
    await attempt(bench, call).outcome;
    const tree = (await readResult(bench.store, call.key))?.outputs['folder']?.tree ?? '';
    await bench.store.remove(names.blob(tree));
    const resolved = await resolve({ kind: { ...planKind('test.sleep'), checkpoints: false } });
    expect(resolved).toMatchObject({ state: 'pruned', reason: 'its artifacts were pruned' });
    expect(await attempt(bench, call).outcome).toMatchObject({ attempts: 1 });
    expect(await resolve()).toMatchObject({ state: 'cached' });
  });

  it('sets a damaged record aside and says run', async () => {
    const { key } = callOf(bench, 'test.sleep', inputs);
    await bench.store.put(names.result(key), '{"schema":1');
    expect(await resolve()).toMatchObject({ state: 'run' });
    expect(await bench.store.head(names.result(key))).toBe(null);
  });

  it('says held, and by whom, while another run works at the key', async () => {
    const { key } = callOf(bench, 'test.sleep', inputs);
    const claim = { key, holder: 'nap', run: 'other/run', attempt: 'x', now: Date.now(), renewEveryMs: 5_000 };
    await acquireClaim(bench.store, claim);
    expect(await resolve()).toMatchObject({ state: 'held', reason: 'nap of the run other/run works at it' });
    const own = { ...bench.run, workflowId: 'other', runId: 'run' };
    expect(await resolve({ run: own })).toMatchObject({ state: 'run' });
  });

  it('does not wait for a claim that was not renewed', async () => {
    const { key } = callOf(bench, 'test.sleep', inputs);
    const claim = { key, holder: 'nap', run: 'other/run', attempt: 'x', now: Date.now() - 60_000, renewEveryMs: 5_000 };
    await acquireClaim(bench.store, claim);
    expect(await resolve()).toMatchObject({ state: 'run' });
  });

  it('keeps the results of a step without a cache to its run', async () => {
    const shared = await resolve();
    const own = await resolve({ cache: false });
    expect(own.key).not.toBe(shared.key);
    expect((await resolve({ cache: false })).key).toBe(own.key);
    expect((await resolve({ cache: false, run: { ...bench.run, workflowId: 'tests/two' } })).key).not.toBe(own.key);
    if (own.state === 'cached' || own.state === 'held') throw new Error(own.state);
    const call = { ...callOf(bench, 'test.sleep', inputs), key: own.key, checkpointKey: own.checkpointKey };
    expect(await attempt(bench, call).outcome).toMatchObject({ attempts: 1 });
    expect(await resolve({ cache: false })).toMatchObject({ state: 'cached' });
  });

  it('refuses a run of another store for good', async () => {
    const error = await resolve({ run: { ...bench.run, storeId: 'other' } }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApplicationFailure);
    expect(error).toMatchObject({ type: 'config', nonRetryable: true });
  });
});

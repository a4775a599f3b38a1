// What an attempt goes on from, and what is told of it.
import { AsyncResource } from 'node:async_hooks';
import { mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Engine } from '../../activities/engine/engine.js';
import { createMutex } from '../../activities/engine/mutex.js';
import type { Slot } from '../../activities/host.js';
import { StepFailure, type KindImplementation } from '../../activities/kind.js';
import { readTree } from '../../store/artifacts.js';
import { newestCheckpoint } from '../../store/checkpoints.js';
import { readResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import { attempt, callOf, openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const call = (value: number) => callOf(bench, 'test.sleep', { steps: 6, step_ms: 1, value });

/** Writes the checkpoints of the steps 1 to 3 as test.sleep does, and dies. */
const dying: KindImplementation = async (context) => {
  for (const step of [1, 2, 3]) {
    const folder = join(context.workDir, `state-${step}`);
    await mkdir(folder);
    await writeFile(join(folder, 'state.json'), JSON.stringify({ step }));
    await context.saveCheckpoint(folder, step);
  }
  throw new StepFailure('trainer_crash', 'lost');
};

it('goes on from the one before when a bit of the newest checkpoint has flipped', async () => {
  await attempt(bench, call(1), { kind: dying }).outcome.catch(() => undefined);
  const newest = await newestCheckpoint(bench.store, call(1).checkpointKey);
  expect(newest?.step).toBe(3);
  const [file] = (await readTree(bench.store, newest?.tree ?? '')).files;
  const path = join(bench.home, 'store', names.blob(file?.digest ?? ''));
  const bytes = await readFile(path);
  bytes[bytes.length - 2] = (bytes.at(-2) ?? 0) ^ 1;
  await unlink(path);
  await writeFile(path, bytes);
  const outcome = await attempt(bench, call(1), { number: 2 }).outcome;
  const straight = await attempt(bench, call(2)).outcome;
  expect(outcome).toMatchObject({ resumedFrom: 2, metrics: { steps: 6 } });
  expect(straight).toMatchObject({ resumedFrom: null, metrics: { steps: 6 } });
});

/** Events of a process that no activity started, as one that was started ahead, come in the course of none. */
const outside = new AsyncResource('trainer');

/** A trainer that says of the job what the real one says where the canary of a checkpoint does not agree, and warns of the result. */
function diverging(): Slot {
  const engine: Engine = {
    async run({ id }, onEvent) {
      const differs = [{ name: 'torch', was: '2.1.0', is: '2.9.0' }];
      const values = [{ name: 'loss', was: '2.5', is: '2.5000001' }];
      const message = 'it computes something else: torch is 2.9.0';
      outside.runInAsyncScope(() => {
        onEvent({ type: 'diverged', id, values, differs, message });
        onEvent({ type: 'warning', id, message: 'the embeddings are all alike' });
      });
      return Promise.resolve({ metrics: {}, seconds: 0, figures: {} });
    },
    warm: () => Promise.resolve(),
    provenance: () => ({}),
    pid: () => null,
    stop: () => Promise.resolve(),
  };
  return { engine, mutex: createMutex(), hostQueue: 'here' };
}

it('keeps with the result, and tells, what the trainer warns of: that what it went on from computes something else', async () => {
  const kind: KindImplementation = async (context) => {
    await context.engine({ op: 'probe', inputs: {} });
    await writeFile(join(await context.outputDir('folder'), 'counter.json'), '{}');
    return { value: 0, steps: 6 };
  };
  const warnings = ['it computes something else: torch is 2.9.0', 'the embeddings are all alike'];
  expect(await attempt(bench, call(3), { slot: diverging(), kind }).outcome).toMatchObject({ warnings });
  expect(await readResult(bench.store, call(3).key)).toMatchObject({ warnings });
  const { warnings: none, ...again } = await attempt(bench, call(4)).outcome;
  expect([none, again.attempts]).toEqual([undefined, 1]);
});

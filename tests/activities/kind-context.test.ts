// A step that drives a real trainer process (the fixture program) through the context that a kind is given.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KindImplementation } from '../../activities/kind.js';
import { journalPoints } from '../../schemas/journal.js';
import { newestCheckpoint } from '../../store/checkpoints.js';
import { readJournal } from '../../store/journals.js';
import { readResult } from '../../store/results.js';
import { attempt, callOf, openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const call = (value = 0) =>
  callOf(
    bench,
    'test.sleep',
    { steps: 6, step_ms: 1, value },
    { checkpoint: { everySteps: 2, everyMs: null, keepLast: 2 } },
  );

/** One operation of the fixture with `inputs`. */
const probe =
  (inputs: Record<string, unknown>): KindImplementation =>
  async (context) => {
    const { metrics } = await context.engine({ op: 'probe', inputs: { steps: 6, ...inputs }, seed: context.seed });
    return metrics;
  };

const failureOf = async (outcome: Promise<unknown>): Promise<ApplicationFailure> => {
  const error = await outcome.catch((reason: unknown) => reason);
  if (error instanceof ApplicationFailure) return error;
  throw new Error('no ApplicationFailure');
};

describe('a step on the trainer', () => {
  it('commits what the operation leaves in its outputs, with what the trainer says of itself', async () => {
    const slot = bench.slot();
    const outcome = await attempt(bench, call(), { slot, kind: probe({}) }).outcome;
    expect(outcome).toMatchObject({ metrics: { steps: 6, value: 55 }, hostQueue: 'trainer@here' });
    const result = await readResult(bench.store, call().key);
    expect(result?.provenance).toMatchObject({ program: 'fixture', node: process.version });
  });

  it('whose trainer is killed goes on from its last checkpoint and ends with the same digests', async () => {
    const straight = await attempt(bench, call(1), { slot: bench.slot(), kind: probe({}) }).outcome;
    const slot = bench.slot();
    const failure = await failureOf(attempt(bench, call(2), { slot, kind: probe({ crash_at: 5, signal: 9 }) }).outcome);
    expect(failure).toMatchObject({ type: 'trainer_crash', nonRetryable: false });
    const { outcome } = attempt(bench, call(2), { slot, kind: probe({}), number: 2 });
    expect(await outcome).toMatchObject({ resumedFrom: 4, metrics: straight.metrics });
    const tree = async (value: number) => (await readResult(bench.store, call(value).key))?.outputs['folder']?.tree;
    expect(await tree(2)).toBe(await tree(1));
    const result = await readResult(bench.store, call(2).key);
    const points = journalPoints(await readJournal(bench.store, { key: call(2).key, attempt: result?.journal ?? '' }));
    expect(points.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('that is cancelled keeps the checkpoint that the trainer writes last, and the trainer', async () => {
    const slot = bench.slot();
    const slow = probe({ steps: 1000, step_ms: 5 });
    const quiet = { ...call(3), checkpoint: { everySteps: null, everyMs: null, keepLast: 1 } };
    const { environment, outcome, heartbeats } = attempt(bench, quiet, { slot, kind: slow });
    await vi.waitFor(() => expect(heartbeats.at(-1)?.step ?? 0).toBeGreaterThan(1), 5_000);
    environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
    await expect(outcome).rejects.toBeInstanceOf(CancelledFailure);
    expect((await newestCheckpoint(bench.store, quiet.checkpointKey))?.step).toBeGreaterThan(1);
    expect(slot.engine.pid()).not.toBe(null);
  });

  it('waits for the slot while another one has it, and says so', async () => {
    const slot = bench.slot();
    const first = attempt(bench, call(4), { slot, kind: probe({ step_ms: 60 }) });
    await vi.waitFor(() => expect(slot.mutex.held()).toBe(true));
    const second = attempt(bench, call(5), { slot, kind: probe({}) });
    await Promise.all([first.outcome, second.outcome]);
    expect(second.heartbeats.some(({ text }) => text === 'waiting for the trainer of this host')).toBe(true);
  });

  it('fails with the class that the trainer names, hint and place beside it', async () => {
    const failure = await failureOf(
      attempt(bench, call(), { slot: bench.slot(), kind: probe({ fail_class: 'non_finite' }) }).outcome,
    );
    expect(failure).toMatchObject({ type: 'non_finite', message: 'asked to fail', nonRetryable: true });
    expect(failure.details?.[0]).toMatchObject({
      path: 'nap',
      hint: expect.stringContaining('learning rate') as string,
    });
  });

  it('may run an operation in a folder of its own, without checkpoints', async () => {
    const kind: KindImplementation = async (context) => {
      const workDir = join(context.workDir, 'aside');
      await context.engine({ op: 'probe', inputs: { steps: 6, output: 'x' }, checkpoints: false, workDir });
      expect(JSON.parse(await readFile(join(workDir, 'outputs', 'x', 'counter.json'), 'utf8'))).toMatchObject({
        steps: 6,
      });
      return probe({})(context);
    };
    await attempt(bench, call(), { slot: bench.slot(), kind }).outcome;
    expect(bench.told.filter(({ name }) => name === 'checkpointed')).toHaveLength(2);
  });

  it('is a bug where the kind is declared to run without a trainer', async () => {
    const failure = await failureOf(attempt(bench, call(), { kind: probe({}) }).outcome);
    expect(failure.type).toBe('internal');
  });

  it('ends with the failure of the store when a checkpoint cannot be kept', async () => {
    const store = {
      ...bench.store,
      createFromFile: () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })),
    };
    Object.setPrototypeOf(store, Object.getPrototypeOf(bench.store) as object);
    const failing = attempt(bench, call(), {
      slot: bench.slot(),
      kind: probe({ steps: 1000, step_ms: 5 }),
      host: { store },
    });
    expect((await failureOf(failing.outcome)).type).toBe('store_unavailable');
  });
});

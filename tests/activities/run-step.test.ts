import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KindContext, KindImplementation } from '../../activities/kind.js';
import { StepFailure } from '../../activities/kind.js';
import { materialise } from '../../store/artifacts.js';
import { newestCheckpoint } from '../../store/checkpoints.js';
import { readClaim } from '../../store/claims.js';
import { readJournal } from '../../store/journals.js';
import { readResult } from '../../store/results.js';
import type { ObjectStore } from '../../store/store.js';
import { journalPoints } from '../../schemas/journal.js';
import { attempt, callOf, openBench, planKind, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const sleepCall = (inputs = {}, change = {}) =>
  callOf(bench, 'test.sleep', { steps: 4, step_ms: 1, value: 7, ...inputs }, change);

const failureOf = async (outcome: Promise<unknown>): Promise<ApplicationFailure> => {
  const error = await outcome.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  if (error instanceof ApplicationFailure) return error;
  throw error;
};

/** Writes the counter like test.sleep, after `before`. */
const kindThat =
  (before: (context: KindContext) => Promise<void> | void): KindImplementation =>
  async (context) => {
    await before(context);
    await writeFile(join(await context.outputDir('folder'), 'counter.json'), '{"steps":4,"value":7}');
    return { value: 7, steps: 4 };
  };

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

const counter = async (key: string): Promise<unknown> => {
  const tree = (await readResult(bench.store, key))?.outputs['folder']?.tree ?? '';
  return JSON.parse(
    await readFile(join(await materialise(bench.store, bench.host.cache.dir, tree), 'counter.json'), 'utf8'),
  );
};

describe('a step', () => {
  it('commits its outputs and metrics once and returns them by reference', async () => {
    const call = sleepCall();
    const outcome = await attempt(bench, call).outcome;
    expect(outcome).toMatchObject({
      outputs: { folder: { $artifact: { key: call.key, output: 'folder', type: 'folder' } } },
      metrics: { steps: 4, value: 7 },
      attempts: 1,
      resumedFrom: null,
      hostQueue: null,
    });
    expect(await counter(call.key)).toEqual({ steps: 4, value: 7 });
    const result = await readResult(bench.store, call.key);
    expect(result?.derivation).toEqual({
      kind: 'test.sleep',
      version: 1,
      inputs: call.inputs,
      seed: null,
      environment: {},
    });
    expect(result?.run).toBe('tests/one');
  });

  it('returns the committed result when it is asked for again, without running', async () => {
    const call = sleepCall();
    const first = await attempt(bench, call).outcome;
    const kind = vi.fn();
    const again = await attempt(bench, call, { number: 2, kind }).outcome;
    expect(kind).not.toHaveBeenCalled();
    expect(again.outputs).toEqual(first.outputs);
  });

  it("leaves no folder and no checkpoint of its own behind, and a claim that stands in nobody's way", async () => {
    const call = sleepCall();
    await attempt(bench, { ...call, checkpointKey: call.key }).outcome;
    await vi.waitFor(async () => expect(await readdir(bench.host.workRoot)).toEqual(['worker.json']));
    expect(await newestCheckpoint(bench.store, call.key)).toBe(null);
    const kind = vi.fn();
    const startedAt = Date.now();
    const next = attempt(bench, { ...call, run: { ...bench.run, workflowId: 'tests/two' } }, { kind });
    expect((await next.outcome).metrics).toEqual({ value: 7, steps: 4 });
    expect(kind).not.toHaveBeenCalled();
    expect(Date.now() - startedAt).toBeLessThan(3 * bench.host.claimEveryMs); // it did not wait for the claim to run out
  });

  it('goes on from the newest checkpoint of another attempt and ends with the same bytes', async () => {
    const call = sleepCall({ steps: 6 });
    const steps: number[] = [];
    const dying: KindImplementation = async (context) => {
      for (const step of [1, 2, 3]) {
        context.metric(step, { value: step * 7 });
        const folder = join(context.workDir, `state-${step}`);
        await mkdir(folder);
        await writeFile(join(folder, 'state.json'), JSON.stringify({ step }));
        await context.saveCheckpoint(folder, step);
      }
      context.metric(4, { value: -1 });
      throw new StepFailure('trainer_crash', 'lost');
    };
    expect((await failureOf(attempt(bench, call, { kind: dying }).outcome)).type).toBe('trainer_crash');
    const { outcome, heartbeats } = attempt(bench, call, { number: 2 });
    expect(await outcome).toMatchObject({ resumedFrom: 3, attempts: 2 });
    heartbeats.forEach(({ step }) => step !== null && steps.push(step));
    expect(Math.min(...steps, 4)).toBe(4);
    expect(await counter(call.key)).toEqual({ steps: 6, value: 7 });
    const result = await readResult(bench.store, call.key);
    const points = journalPoints(await readJournal(bench.store, { key: call.key, attempt: result?.journal ?? '' }));
    expect(points.map(({ step, values }) => [step, values['value']])).toEqual(
      [1, 2, 3, 4, 5, 6].map((step) => [step, step * 7]),
    );
  });

  it('that is only put together from shards goes on from no checkpoint', async () => {
    const call = sleepCall({ steps: 6 });
    await attempt(bench, call, {
      kind: kindThat(async (context) => {
        const folder = join(context.workDir, 'state');
        await mkdir(folder);
        await writeFile(join(folder, 'state.json'), '{"step":3}');
        await context.saveCheckpoint(folder, 3);
        throw new StepFailure('trainer_crash', 'lost');
      }),
    }).outcome.catch(() => undefined);
    expect((await newestCheckpoint(bench.store, call.checkpointKey, Infinity))?.step).toBe(3);
    const whole = kindThat(({ resume, shards }) => expect([resume, shards]).toEqual([null, []]));
    expect(await attempt(bench, { ...call, shards: [] }, { kind: whole }).outcome).toMatchObject({ resumedFrom: null });
  });

  it('tells the tracker only what a checkpoint or the commit has made safe', async () => {
    await attempt(bench, sleepCall()).outcome;
    expect(bench.told.map(({ name }) => name)).toEqual([
      'checkpointed',
      'checkpointed',
      'checkpointed',
      'stepCommitted',
    ]);
    const bytes = bench.told.map((told) => told.bytes ?? 0);
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
  });

  it('extends a run that took fewer steps, where the kind leaves the input out of its checkpoints', async () => {
    await attempt(bench, sleepCall({ steps: 4 })).outcome;
    expect(await attempt(bench, sleepCall({ steps: 9 })).outcome).toMatchObject({
      resumedFrom: 3,
      metrics: { steps: 9 },
    });
  });

  it('does not resume beyond its own end from what a longer run left', async () => {
    await attempt(bench, sleepCall({ steps: 9 })).outcome;
    const shorter = sleepCall({ steps: 5 });
    expect(await attempt(bench, shorter).outcome).toMatchObject({ resumedFrom: null, metrics: { steps: 5 } });
    expect(await counter(shorter.key)).toEqual({ steps: 5, value: 7 });
  });

  it('keys a step that was not looked up by itself, and says when its result stood already', async () => {
    const { key, checkpointKey, seed, ...rest } = sleepCall();
    const derive = { kind: planKind('test.sleep'), runSeed: 0, indices: [], cache: true };
    const made = await attempt(bench, { ...rest, key: null, derive }).outcome;
    expect([made.key, made.found]).toEqual([key, false]);
    const again = await attempt(bench, { ...rest, key: null, derive }).outcome;
    expect([again.key, again.found, again.outputs]).toEqual([key, true, made.outputs]);
    expect([checkpointKey.length, seed]).toEqual([64, null]);
    const own = await attempt(bench, { ...rest, key: null, derive: { ...derive, cache: false } }).outcome;
    expect([own.found, own.key === key]).toEqual([false, false]);
  });

  it.each([
    ['its files', 'createFromFile', /blobs/],
    ['the list of them', 'createIfAbsent', /blobs/],
    ['its journal', 'createIfAbsent', /journals/],
  ] as const)(
    'has no result before %s are in the store, and none when they cannot be',
    async (_what, operation, name) => {
      const call = sleepCall({}, { checkpoint: { everySteps: 100, everyMs: null, keepLast: 2 } });
      let seen: unknown = 'never asked';
      const storeThat = (instead: () => Promise<void>): ObjectStore => ({
        ...bench.store,
        [operation]: async (...args: [string, string]) => {
          if (name.test(args[0])) await instead();
          return bench.store[operation](...args);
        },
      });
      const failing = storeThat(() => Promise.reject(Object.assign(new Error('no room'), { code: 'ENOSPC' })));
      expect((await failureOf(attempt(bench, call, { host: { store: failing } }).outcome)).type).toBe(
        'store_unavailable',
      );
      expect(await readResult(bench.store, call.key)).toBeNull();
      const slow = storeThat(async () => {
        await sleep(100);
        seen = await readResult(bench.store, call.key);
      });
      await attempt(bench, call, { number: 2, host: { store: slow } }).outcome;
      expect(seen).toBeNull();
      expect(await readResult(bench.store, call.key)).not.toBeNull();
    },
  );

  it('discards what a late attempt made: the first commit stands', async () => {
    const call = sleepCall();
    const late = attempt(bench, call, { kind: kindThat(async () => void (await winner())) });
    const winner = () => attempt(bench, call, { number: 2, kind: kindThat(() => undefined) }).outcome;
    await late.outcome.catch(() => undefined);
    const standing = await readResult(bench.store, call.key);
    expect(bench.told.filter(({ name }) => name === 'stepCommitted')).toHaveLength(1);
    expect(standing?.path).toBe('nap');
    await vi.waitFor(async () => expect(await readdir(bench.host.workRoot)).toEqual(['worker.json']));
  });

  it('stops when another worker has taken its claim over', async () => {
    const call = sleepCall();
    const slow = attempt(bench, call, {
      host: { claimEveryMs: 50 },
      kind: kindThat(async ({ signal }) => {
        await attempt(bench, call, { number: 2 }).outcome;
        await aborted(signal);
        throw new StepFailure('preempted', 'stopped');
      }),
    });
    const failure = await failureOf(slow.outcome);
    expect(failure).toMatchObject({ type: 'worker_lost', nonRetryable: false });
    expect(failure.message).toContain('took this step over');
  });

  it('waits for another run that works at the same key and takes its result', async () => {
    const call = sleepCall({ steps: 10, step_ms: 20 });
    const other = attempt(bench, call);
    await vi.waitFor(async () => expect(await readClaim(bench.store, call.key)).not.toBe(null));
    const kind = vi.fn();
    const waiting = attempt(bench, { ...call, run: { ...bench.run, workflowId: 'tests/two' } }, { kind });
    expect((await waiting.outcome).outputs).toEqual((await other.outcome).outputs);
    expect(kind).not.toHaveBeenCalled();
    expect(waiting.heartbeats.some(({ text }) => text.includes('waiting for nap of the run tests/one'))).toBe(true);
  });

  it('refuses a run that keeps its results elsewhere', async () => {
    const call = sleepCall({}, { run: { ...bench.run, storeId: 'another' } });
    const failure = await failureOf(attempt(bench, call).outcome);
    expect(failure).toMatchObject({ type: 'config', nonRetryable: true });
    expect(failure.message).toContain(bench.host.storeUrl);
  });

  it('refuses a call whose key it would not derive itself', async () => {
    const failure = await failureOf(attempt(bench, sleepCall({}, { key: 'f'.repeat(64) })).outcome);
    expect(failure.type).toBe('worker_outdated');
  });

  it('refuses a newer version of its kind', async () => {
    const failure = await failureOf(attempt(bench, sleepCall({}, { version: 9 })).outcome);
    expect(failure.message).toContain('test.sleep version 9, and this worker has version 1');
  });

  it('fails when a kind forgets an output', async () => {
    const failure = await failureOf(attempt(bench, sleepCall(), { kind: () => Promise.resolve({}) }).outcome);
    expect(failure).toMatchObject({ type: 'internal', nonRetryable: true });
    expect(failure.message).toContain('`folder`');
  });
});

describe('attempts', () => {
  const failing = kindThat(() => {
    throw new StepFailure('comm', 'lost a peer');
  });

  it('are tried again with a growing delay while any are left', async () => {
    const call = sleepCall();
    const first = await failureOf(attempt(bench, call, { kind: failing }).outcome);
    expect(first).toMatchObject({ type: 'comm', nonRetryable: false, nextRetryDelay: 1000, message: 'lost a peer' });
    expect(first.details?.[0]).toMatchObject({ path: 'nap', attempts: 1 });
    const third = await failureOf(attempt(bench, call, { kind: failing, number: 3 }).outcome);
    expect(third.nonRetryable).toBe(true);
  });

  it('without a newer checkpoint are counted, the rest is not', async () => {
    const call = sleepCall({ steps: 50, step_ms: 5 });
    let heartbeat: unknown;
    for (const number of [1, 2, 3, 4, 5]) {
      const progressing: KindImplementation = async (context) => {
        const step = (context.resume?.step ?? 0) + 1;
        const folder = await context.outputDir('state');
        await writeFile(join(folder, 'state.json'), JSON.stringify({ step }));
        await context.saveCheckpoint(folder, step);
        throw new StepFailure('preempted', 'taken away');
      };
      const { outcome, heartbeats } = attempt(bench, call, { kind: progressing, number, heartbeat });
      expect((await failureOf(outcome)).nonRetryable).toBe(false);
      heartbeat = heartbeats.at(-1);
      expect(heartbeat).toMatchObject({ attempt: number, attemptsWithoutProgress: 1, checkpointStep: number });
    }
  });

  it('that died with their worker before any heartbeat count, too', async () => {
    const failure = await failureOf(attempt(bench, sleepCall(), { number: 4 }).outcome);
    expect(failure).toMatchObject({ type: 'worker_lost', nonRetryable: true });
    expect(failure.message).toContain('tried 3 times without a newer checkpoint');
  });

  it('end at once for a class that is never retried, and for one that the pipeline leaves out', async () => {
    const bad = kindThat(() => {
      throw new StepFailure('config', 'no');
    });
    expect((await failureOf(attempt(bench, sleepCall(), { kind: bad }).outcome)).nonRetryable).toBe(true);
    const call = sleepCall({}, { retry: { attempts: 5, backoffMs: 1, maxBackoffMs: 1, for: ['preempted'] } });
    expect((await failureOf(attempt(bench, call, { kind: failing }).outcome)).nonRetryable).toBe(true);
  });

  it('of test.fail fail so often as asked, then succeed', async () => {
    const call = callOf(bench, 'test.fail', { class: 'comm', times: 2, message: 'on request' });
    for (const number of [1, 2]) {
      expect((await failureOf(attempt(bench, call, { number }).outcome)).message).toBe('on request');
    }
    expect((await attempt(bench, call, { number: 3 }).outcome).metrics).toEqual({ attempts: 3 });
  });

  it('call a full disk by its name', async () => {
    const full = kindThat(() => {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    });
    const failure = await failureOf(attempt(bench, sleepCall(), { kind: full }).outcome);
    expect(failure.type).toBe('store_unavailable');
    expect(failure.message).toContain('The disk is full');
  });
});

describe('a stop', () => {
  const slowCall = () =>
    sleepCall({ steps: 1000, step_ms: 10 }, { checkpoint: { everySteps: 500, everyMs: null, keepLast: 2 } });

  it('by the user checkpoints, frees the claim and ends as cancelled', async () => {
    const call = slowCall();
    const { environment, outcome, heartbeats } = attempt(bench, call);
    await vi.waitFor(() => expect(heartbeats.at(-1)?.step ?? 0).toBeGreaterThan(2));
    environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
    await expect(outcome).rejects.toBeInstanceOf(CancelledFailure);
    const checkpoint = await newestCheckpoint(bench.store, call.checkpointKey);
    expect(checkpoint?.step).toBeGreaterThan(2);
    expect((await readClaim(bench.store, call.key))?.released).toBe(true);
  });

  it('by the worker checkpoints and is tried again without counting', async () => {
    const call = slowCall();
    const { environment, outcome, heartbeats } = attempt(bench, call);
    await vi.waitFor(() => expect(heartbeats.at(-1)?.step ?? 0).toBeGreaterThan(2));
    environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
    expect(await failureOf(outcome)).toMatchObject({ type: 'WorkerShutdown', nonRetryable: false });
    const next = attempt(bench, { ...call, inputs: call.inputs }, { number: 2, heartbeat: heartbeats.at(-1) });
    await vi.waitFor(() => expect(next.heartbeats.at(-1)?.attemptsWithoutProgress).toBe(1));
    next.environment.cancel();
    await next.outcome.catch(() => undefined);
  });

  it('for a pause ends as what the SDK asked for, even when the kind throws an AbortError', async () => {
    const aborting = kindThat(async ({ signal }) => {
      await aborted(signal);
      throw new DOMException('This operation was aborted', 'AbortError');
    });
    const { environment, outcome } = attempt(bench, slowCall(), { kind: aborting });
    await new Promise((resolve) => setTimeout(resolve, 50));
    environment.cancel('PAUSED', new ActivityCancellationDetails({ paused: true }));
    await expect(outcome).rejects.toBeInstanceOf(CancelledFailure);
  });
});

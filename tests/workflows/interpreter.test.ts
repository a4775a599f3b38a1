// The root as a whole: where its plan comes from, what it refuses, its record, a long history.
import { describe, expect, it } from 'vitest';
import * as validators from '../../schemas/generated/validators.js';
import {
  benchOf,
  countingLoop,
  expr,
  failWith,
  failureOf,
  gate,
  outcomeOf,
  planOf,
  statusOf,
  step,
  stepOf,
  out,
} from './rig.js';

const chain = (length: number) =>
  planOf(
    Object.fromEntries(
      Array.from({ length }, (_, index) => [
        `s${index}`,
        step({
          with: { value: index, ...(index === 0 ? {} : { from: out(`s${index - 1}`) }) },
          deps: index === 0 ? [] : [`s${index - 1}`],
        }),
      ]),
    ),
  );

describe('the plan', () => {
  it('is loaded from the store when it comes by reference', async () => {
    const bench = benchOf();
    await bench.run(chain(1), { plan: null });
    expect(bench.paths()).toEqual(['s0']);
  });

  it('of an irVersion that the worker does not know is left alone: nothing fails, and the message says what to do', async () => {
    const plan = { ...chain(1), irVersion: 2 as 1 };
    const bench = benchOf();
    const error: unknown = await bench.run(plan).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'OutdatedWorker' });
    expect((error as Error).message).toBe(
      'the plan has irVersion 2, and this worker knows those up to 1: update the worker. The run is left as it is and goes on when a newer worker is there.',
    );
    expect(bench.store.records).toEqual([]);
    await expect(benchOf().run(plan, { plan: null })).rejects.toMatchObject({ name: 'OutdatedWorker' });
    const features = { searchAttributes: true, teleport: true };
    await expect(benchOf().run(chain(1), { features })).rejects.toThrow('the run needs `teleport`, which this worker');
  });
});

describe('the status after the end', () => {
  it('says what happened, also when nothing could begin', async () => {
    const bench = benchOf();
    const run = bench.start(chain(1), { plan: null, planHash: 'sha256:none' });
    await failureOf(bench.world.finish(run));
    expect(statusOf(run)).toMatchObject({ state: 'failed', failures: [{ path: 'run', class: 'data' }] });
  });

  it('of a loop is that of the loop', async () => {
    const bench = benchOf();
    await bench.run(planOf({ rl: countingLoop({ max: 2 }) }));
    expect(statusOf(bench.world.get('pipe/run/rl'))).toMatchObject({ state: 'done', loop: { clicks: 2 } });
  });
});

describe('the run record', () => {
  it('is written at the start and at the end, and fits its schema', async () => {
    const bench = benchOf();
    await bench.run(
      planOf(
        { a: step(), rl: countingLoop({ max: 2 }), ok: gate(['true']) },
        { metrics: { last: expr('steps.rl.metrics.work.value') } },
      ),
    );
    expect(bench.store.records.map(({ final, record }) => [final, record.state])).toEqual([
      [false, 'running'],
      [true, 'done'],
    ]);
    const record = bench.store.records.at(-1)?.record;
    expect(validators.records({ run: record })).toBe(true);
    expect(record).toMatchObject({
      workflowId: 'pipe/run',
      runId: 'run-1',
      gitCommit: 'abc',
      metrics: { last: 1 },
      steps: [
        { path: 'a', state: 'done', seconds: 1 },
        { path: 'rl', kind: 'loop', clicks: 2, metrics: { 'work.value': 1 } },
        { path: 'ok', kind: 'gate' },
      ],
    });
  });

  it('that cannot be written fails no run', async () => {
    const bench = benchOf();
    bench.store.records.push = () => failWith('store_unavailable', 'disk full');
    await bench.run(chain(1));
  });
});

describe('a long history', () => {
  it('of the root: drains, continues as new, and finds everything committed', async () => {
    const bench = benchOf(undefined, { continueAsNewAfter: 3 });
    const run = bench.start(chain(8));
    await bench.world.finish(run);
    expect(run.executions()).toBeGreaterThan(1);
    expect(bench.paths()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((index) => `s${index}`));
    expect(statusOf(run).startedAt).toBe(0);
    expect(stepOf(run, 's0')).toEqual({ state: 'done', reason: 'never made' });
    expect(bench.store.records.map(({ final }) => final)).toEqual([false, true]);
  });

  it('waits for its loops, keeps failures and asks nobody twice', async () => {
    const bench = benchOf(
      (call, host) => (call.path === 'bad' ? failWith('data', 'torn') : host.sleep(1_000).then(() => outcomeOf(call))),
      { continueAsNewAfter: 3 },
    );
    const plan = planOf({
      ...chain(4).steps,
      bad: step({ with: { value: 99 } }),
      ask: gate([], { approve: { timeoutMs: 1_500, onTimeout: 'approve' } }),
      rl: countingLoop({ max: 3 }),
    });
    const run = bench.start(plan);
    const failure = await failureOf(bench.world.finish(run));
    expect(run.executions()).toBeGreaterThan(1);
    expect(failure.message).toBe('bad: torn [data]');
    expect(bench.paths().filter((path) => path === 'bad')).toHaveLength(1);
    expect(bench.paths().filter((path) => path.startsWith('rl'))).toHaveLength(3);
    expect(stepOf(run, 's3').state).toBe('done');
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommitClickInput, LocalActivities } from '../../activities/calls.js';
import { localActivities } from '../../activities/local-activities.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { loopKey } from '../../schemas/identity.js';
import { putPlan } from '../../store/plans.js';
import { readRun } from '../../store/runs.js';
import { openBench, type Bench } from './bench.js';

let bench: Bench;
let activities: LocalActivities;
beforeEach(async () => {
  bench = await openBench();
  activities = localActivities(bench.host);
});
afterEach(() => bench.close());

const identity = { body: { a: 1 }, carry: {}, outer: {}, seed: 0 };
const click = (index: number, loss: number): CommitClickInput => ({
  run: bench.run,
  path: 'rl',
  loopKey: loopKey(identity),
  click: { index, carry: { total: loss }, metrics: { update: { loss } }, keys: { update: 'k' }, seconds: 1 },
  keep: { last: 1, every: null, best: null },
});

describe('clicks', () => {
  it('are committed once: the first stands', async () => {
    await activities.commitClick(click(0, 0.5));
    expect(await activities.commitClick(click(0, 0.9))).toEqual({
      index: 0,
      carry: { total: 0.5 },
      metrics: { update: { loss: 0.5 } },
    });
  });

  it('are where a loop goes on, below its `max`, with the metrics of all before', async () => {
    const open = (max: number) => activities.openLoop({ run: bench.run, path: 'rl', identity, max });
    expect(await open(10)).toEqual({ loopKey: loopKey(identity), newest: null, history: [] });
    for (const index of [0, 1, 2])
      await activities.commitClick({ ...click(index, index), keep: { last: 2, every: null, best: null } });
    const opened = await open(10);
    expect(opened.newest).toMatchObject({ index: 2, carry: { total: 2 } });
    expect(opened.history.map(({ index, restorable }) => [index, restorable])).toEqual([
      [0, false],
      [1, true],
      [2, true],
    ]);
    expect((await open(2)).newest?.index).toBe(1);
    expect((await open(2)).history).toHaveLength(2);
    expect((await open(1)).newest).toBe(null);
  });

  it('are opened with only those metrics that the loop reads, where it says which', async () => {
    await activities.commitClick(click(0, 0.5));
    const opened = async (metrics: string[]) =>
      (await activities.openLoop({ run: bench.run, path: 'rl', identity, max: 9, metrics })).history[0]?.metrics;
    expect(await opened(['update.loss', 'other.loss'])).toEqual({ update: { loss: 0.5 } });
    expect(await opened(['update.kl'])).toEqual({});
  });

  it('can be loaded one by one', async () => {
    await activities.commitClick(click(4, 0.1));
    expect(await activities.loadClick({ loopKey: loopKey(identity), index: 4 })).toMatchObject({
      metrics: { update: { loss: 0.1 } },
    });
    expect(await activities.loadClick({ loopKey: loopKey(identity), index: 5 })).toBe(null);
  });
});

describe('plans and records', () => {
  const plan: Plan = {
    irVersion: 1,
    expressions: 'cel',
    name: 'p',
    seed: 0,
    params: {},
    kinds: {},
    steps: {},
    outputs: {},
    metrics: {},
  };

  it('loads a plan by its hash', async () => {
    const planHash = await putPlan(bench.store, plan);
    expect(await activities.loadPlan({ run: bench.run, planHash })).toEqual(plan);
  });

  it('says that the store lacks a plan, and lets it be tried again', async () => {
    const error = await activities
      .loadPlan({ run: bench.run, planHash: 'sha256:00' })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ type: 'store_unavailable', nonRetryable: false });
  });

  it('writes the record of a run and tells the tracker', async () => {
    const record: RunRecord = {
      schema: 1,
      workflowId: bench.run.workflowId,
      runId: bench.run.runId,
      planHash: 'sha256:0',
      name: 'p',
      state: 'running',
      startedAt: '2026-01-01T00:00:00.000Z',
      endedAt: null,
      gitCommit: null,
      steps: [],
      outputs: {},
      metrics: {},
      failures: [],
      lost: {},
      mlflow: null,
    };
    await activities.recordRun({ record, final: false });
    expect(await readRun(bench.store, record.workflowId, record.runId)).toEqual(record);
    expect(bench.told).toEqual([{ name: 'runRecorded' }]);
  });
});

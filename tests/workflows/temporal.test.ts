// The interpreter on a real Temporal server, in the real sandbox, with fake activities: what the in-process port cannot
// show. Events of history, names in the UI, continue-as-new, cancellation, the slot lease, replay.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WorkflowFailedError } from '@temporalio/client';
import { bundleWorkflowCode, Worker } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import { queries, updates } from '../../workflows/control-names.js';
import type { StatusView } from '../../workflows/status.js';
import { startTemporal } from '../support/temporal-server.js';
import type { TestServer } from '../support/temporal-server.js';
import { countingLoop, emptyStore, expr, failWith, gate, outcomeOf, planOf, step, out } from './rig.js';
import { fivePlan } from './recorded-plans.js';
import { atOnce, startRun, untilCancelled, withWorkers } from './workers.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** Events at which the server suggests to continue as new. */
const suggestAt = 40;

let server: TestServer;
let bundle: WorkflowBundleWithSourceMap;
const logger = { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} };

beforeAll(async () => {
  [server, bundle] = await Promise.all([
    startTemporal({ dynamicConfig: [`limit.historyCount.suggestContinueAsNew=${suggestAt}`] }),
    bundleWorkflowCode({ workflowsPath: join(root, 'workflows', 'index.ts'), logger }),
  ]);
});

afterAll(() => server.stop());

const historyOf = async (workflowId: string, runId?: string) =>
  server.client.workflow.getHandle(workflowId, runId).fetchHistory();

const eventsOf = async (workflowId: string, runId?: string) => (await historyOf(workflowId, runId)).events ?? [];

/** The histories of a chain of continue-as-new, first to last. */
async function chainOf(
  workflowId: string,
): Promise<{ workflowId: string; history: Awaited<ReturnType<typeof historyOf>> }[]> {
  const last = await historyOf(workflowId);
  const started = last.events?.[0]?.workflowExecutionStartedEventAttributes;
  const histories = [{ workflowId, history: last }];
  for (let runId = started?.continuedExecutionRunId ?? ''; runId !== '';) {
    const history = await historyOf(workflowId, runId);
    histories.unshift({ workflowId, history });
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
  }
  return histories;
}

const chain = (length: number) =>
  planOf(
    Object.fromEntries(
      Array.from({ length }, (_, index) => {
        const before = `s${index - 1}`;
        const given = index === 0 ? {} : { with: { from: out(before) }, deps: [before] };
        return [`s${index}`, step({ summary: `number ${index}`, ...given })];
      }),
    ),
  );

const statusOf = (workflowId: string): Promise<StatusView> =>
  server.client.workflow.getHandle(workflowId).query<StatusView>(queries.status);

async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await what()); tries += 1) {
    if (tries > 200) throw new Error('it did not come');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a graph of five steps', () => {
  it('runs under the names of the pipeline, its kinds and paths', async () => {
    const store = emptyStore();
    await withWorkers(server, { bundle, store, behave: atOnce }, async () => {
      const handle = await startRun(server, store, fivePlan, 'five');
      await handle.result();
      const status = await statusOf('five');
      expect(status.state).toBe('done');
      expect((await handle.describe()).type).toBe('pipe');
    });
    const scheduled = (await eventsOf('five')).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
    expect(scheduled.map(({ activityId, activityType }) => [activityId, activityType?.name])).toContainEqual([
      'e',
      'test.work',
    ]);
    expect(scheduled).toHaveLength(5);
    expect(store.records.at(-1)?.record.state).toBe('done');
  });

  it('with a matrix has an activity a cell, and none for what collects them', async () => {
    const store = emptyStore();
    const cells = [1, 2].map((x) => ({ name: `try[x=${x}]`, matrix: { x } }));
    const steps: Plan['steps'] = {
      ...Object.fromEntries(cells.map(({ name, matrix }) => [name, step({ with: { value: matrix.x } })])),
      try: {
        node: 'matrix',
        deps: cells.map(({ name }) => name),
        cells,
        best: { metric: 'value', goal: 'maximize' },
        else: null,
        summary: '',
      },
      last: step({ with: { from: expr('steps.try.best.outputs.out') }, deps: ['try'] }),
    };
    const plan = planOf(steps, { metrics: { best: expr('steps.try.best.metrics.value') } });
    await withWorkers(server, { bundle, store, behave: atOnce }, async () => {
      expect(await (await startRun(server, store, plan, 'fanned')).result()).toMatchObject({ metrics: { best: 2 } });
    });
    const scheduled = (await eventsOf('fanned')).flatMap((event) => event.activityTaskScheduledEventAttributes ?? []);
    expect(scheduled.map(({ activityId }) => activityId).sort()).toEqual(['last', 'try[x=1]', 'try[x=2]']);
    await Worker.runReplayHistory({ workflowBundle: bundle }, await historyOf('fanned'), 'fanned');
  });

  it('takes at most eight events a step, one after the other', async () => {
    const store = emptyStore();
    await withWorkers(server, { bundle, store, behave: atOnce }, async () => {
      for (const length of [1, 4])
        await (await startRun(server, store, { ...chain(length), seed: length }, `chain-${length}`)).result();
    });
    const [short, long] = [await eventsOf('chain-1'), await eventsOf('chain-4')];
    const perStep = (long.length - short.length) / 3;
    expect(perStep).toBeLessThanOrEqual(8);
    expect(perStep).toBeGreaterThan(3);
  });

  it('of more steps than a history should hold continues as new and keeps what it knows', async () => {
    const store = emptyStore();
    await withWorkers(server, { bundle, store, behave: atOnce }, async () => {
      const handle = await startRun(server, store, { ...chain(9), seed: 99 }, 'long');
      await handle.result();
      const status = await statusOf('long');
      expect(status.steps.map(({ state }) => state)).toEqual(Array.from({ length: 9 }, () => 'done'));
      expect(status.runId).not.toBe(handle.firstExecutionRunId);
    });
    expect(store.records.at(-1)?.record.runId).not.toBe(undefined);
  });
});

describe('a loop', () => {
  it('is a child with continue-as-new at clicks, and its history replays', async () => {
    const store = emptyStore();
    const plan = planOf({ rl: countingLoop({ max: 8 }) }, { metrics: { last: expr('steps.rl.metrics.work.value') } });
    await withWorkers(server, { bundle, store, behave: atOnce }, async () => {
      const handle = await startRun(server, store, plan, 'loop');
      expect(await handle.result()).toMatchObject({ metrics: { last: 7 } });
      const child = server.client.workflow.getHandle('loop/rl');
      const described = await child.describe();
      expect(described.type).toBe('pipe.rl');
      expect(described.typedSearchAttributes.getAll()).toContainEqual(expect.objectContaining({ value: 'rl' }));
    });
    const histories = await chainOf('loop/rl');
    expect(histories.length).toBeGreaterThan(1);
    for (const { history } of histories) expect(history.events?.length).toBeLessThan(suggestAt + 15);
    const errors: unknown[] = [];
    for await (const { error } of Worker.runReplayHistories({ workflowBundle: bundle }, histories)) errors.push(error);
    expect(errors).toEqual(histories.map(() => undefined));
  });

  it('prefers the host of its first trainer step, and falls back when nobody polls there', async () => {
    const store = emptyStore();
    const steps = {
      one: step({ uses: 'test.train', with: { value: expr('iter.index'), from: expr('carry.at') } }),
      work: step({ uses: 'test.train', with: { from: out('one') }, deps: ['one'] }),
    };
    await withWorkers(server, { bundle, store, behave: atOnce, hostQueue: 'gone' }, async () => {
      await (await startRun(server, store, planOf({ rl: countingLoop({ max: 1, steps }) }), 'lease')).result();
    });
    const queues = (await eventsOf('lease/rl')).flatMap(({ activityTaskScheduledEventAttributes: one }) =>
      one == null ? [] : [one.taskQueue?.name],
    );
    expect(queues).toEqual(['small', 'gone', 'small']);
  });
});

describe('control', () => {
  it('pauses, says so, and goes on', async () => {
    const store = emptyStore();
    const plan = { ...planOf({ ...chain(2).steps, rl: countingLoop({ max: 2 }) }), seed: 5 };
    let open = (): void => undefined;
    const gateOpen = new Promise<void>((resolve) => (open = resolve));
    const slow = async (...[call]: Parameters<typeof atOnce>) => gateOpen.then(() => outcomeOf(call));
    await withWorkers(server, { bundle, store, behave: slow }, async () => {
      const handle = await startRun(server, store, plan, 'paused');
      await until(async () => (await statusOf('paused')).loops.length === 1);
      await handle.executeUpdate(updates.pause, { args: [{ now: false, by: 'ann' }] });
      await expect(handle.executeUpdate(updates.pause, { args: [{ now: false }] })).rejects.toThrow('Update');
      await until(async () => (await statusOf('paused/rl')).paused !== null);
      open();
      await until(async () => (await statusOf('paused')).steps.some(({ reason }) => reason === 'the run is paused'));
      expect((await statusOf('paused')).state).toBe('paused');
      await handle.executeUpdate(updates.unpause, { args: [null] });
      await handle.result();
    });
  });

  it('cancels: waits for the running step, records the run, and ends as cancelled', async () => {
    const store = emptyStore();
    await withWorkers(server, { bundle, store, behave: untilCancelled }, async () => {
      const handle = await startRun(server, store, planOf({ rl: countingLoop({ max: 3 }), a: step() }), 'cancelled');
      await until(async () => {
        const [run, loop] = [await statusOf('cancelled'), await statusOf('cancelled/rl').catch(() => null)];
        return (
          run.steps.some(({ path, state }) => path === 'a' && state === 'running') &&
          loop?.steps[0]?.state === 'running'
        );
      });
      await handle.cancel();
      const error: unknown = await handle.result().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      expect((await handle.describe()).status.name).toBe('CANCELLED');
      expect((await server.client.workflow.getHandle('cancelled/rl').describe()).status.name).toBe('CANCELLED');
    });
    expect(store.records.at(-1)?.record).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'cancelled' }, { state: 'cancelled' }],
    });
  });

  it('pauses with now: the step stops, and runs again when unpaused', async () => {
    const store = emptyStore();
    let starts = 0;
    const behave = async (...[call, context]: Parameters<typeof atOnce>) => {
      starts += 1;
      return starts === 1 ? untilCancelled(call, context) : outcomeOf(call);
    };
    await withWorkers(server, { bundle, store, behave }, async () => {
      const handle = await startRun(server, store, chain(1), 'paused-now');
      await until(async () => starts === 1);
      await handle.executeUpdate(updates.pause, { args: [{ now: true }] });
      await until(async () => (await statusOf('paused-now')).steps[0]?.state === 'waiting');
      await handle.executeUpdate(updates.unpause, { args: [null] });
      await handle.result();
    });
    expect(starts).toBe(2);
  });
});

describe('failure', () => {
  it('ends the run with one failure whose type is the class', async () => {
    const store = emptyStore();
    const behave = async (...[call]: Parameters<typeof atOnce>) =>
      call.path === 'bad' ? failWith('oom', 'too big') : outcomeOf(call);
    await withWorkers(server, { bundle, store, behave }, async () => {
      const plan = planOf({ bad: step(), fine: step({ with: { value: 2 } }), ok: gate(['1 > 2']) });
      const handle = await startRun(server, store, plan, 'failed');
      const error: unknown = await handle.result().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ cause: { type: 'oom' } });
      expect((error as WorkflowFailedError).cause?.message).toBe(
        '2 steps failed:\nbad: too big [oom]\nok: `1 > 2` does not hold [gate]',
      );
      expect((await statusOf('failed')).failures).toHaveLength(2);
    });
  });

  it('of a loop comes out of the root with its place', async () => {
    const store = emptyStore();
    const behave = async (...[call]: Parameters<typeof atOnce>) =>
      call.path === 'rl[1].work' ? failWith('data', 'torn') : outcomeOf(call);
    await withWorkers(server, { bundle, store, behave }, async () => {
      const handle = await startRun(server, store, planOf({ rl: countingLoop() }), 'failed-loop');
      const error: unknown = await handle.result().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ cause: { type: 'data', message: 'rl[1].work: torn [data]' } });
    });
  });
});

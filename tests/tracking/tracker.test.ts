import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { journalLine } from '../../schemas/journal.js';
import { commitClick } from '../../store/clicks.js';
import { openFolderStore } from '../../store/folder-store.js';
import { appendJournalPart } from '../../store/journals.js';
import { putPlan } from '../../store/plans.js';
import { writeRun } from '../../store/runs.js';
import type { ObjectStore } from '../../store/store.js';
import { readCursor } from '../../tracking/cursor.js';
import { createMlflowClient, type MlflowClient } from '../../tracking/mlflow-client.js';
import { MlflowError } from '../../tracking/mlflow-error.js';
import { ensureMlflowRun } from '../../tracking/mlflow-run.js';
import { Busy, publish, staleAfterMs, type Publisher } from '../../tracking/publish.js';
import { createMlflowTracker, type MlflowTracker } from '../../tracking/tracker.js';
import { journalUnits } from '../../tracking/units.js';
import { doorTo, startMlflow, type Door, type TestMlflow } from './mlflow-server.js';

let mlflow: TestMlflow;
let client: MlflowClient;
let folder: string;
let store: ObjectStore;
let number = 0;
beforeAll(async () => {
  mlflow = await startMlflow();
  client = createMlflowClient({ url: mlflow.url });
}, 120_000);
afterAll(async () => mlflow.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-tracking-'));
  store = await openFolderStore(folder);
  number += 1;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const runName = () => ({ workflowId: `demo/run-${number}`, runId: `0000-${number}` });
const facts = () =>
  Promise.resolve({
    pipeline: 'demo',
    planHash: 'sha256:1',
    startMs: 1_000,
    gitCommit: 'abc',
    temporalPage: 'http://ui/run',
    params: { lr: 0.1 },
    seed: 7,
  });
const points = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    step: from + i,
    at: 1_000 + from + i,
    values: { loss: 1 / (from + i), norm: 2 },
  }));

describe('the client', () => {
  it('makes an experiment once, also when two ask at the same time', async () => {
    const ids = await Promise.all([client.experiment(`both-${number}`), client.experiment(`both-${number}`)]);
    expect(ids[0]).toBe(ids[1]);
    expect(await client.experiment(`both-${number}`)).toBe(ids[0]);
  });

  it('tells errors of MLflow apart by their code', async () => {
    await expect(client.setTags('nonesuch', [{ key: 'a', value: 'b' }])).rejects.toMatchObject({
      code: 'RESOURCE_DOES_NOT_EXIST',
      status: 404,
    });
    const experimentId = await client.experiment('pawl');
    const runId = await client.createRun({ experimentId, name: 'x', startMs: 1, tags: [] });
    await client.logParams(runId, [{ key: 'lr', value: '1' }]);
    await client.logParams(runId, [{ key: 'lr', value: '1' }]);
    await expect(client.logParams(runId, [{ key: 'lr', value: '2' }])).rejects.toMatchObject({
      code: 'INVALID_PARAMETER_VALUE',
    });
  });

  it('says within its time-out that nobody answers, or that it is not MLflow', async () => {
    const nobody = createMlflowClient({ url: 'http://127.0.0.1:9', retries: 0 });
    await expect(nobody.experiment('x')).rejects.toSatisfy(
      (error: MlflowError) => error.code === 'unreachable' && error.message.includes('127.0.0.1:9'),
    );
    const other = createMlflowClient({ url: `${mlflow.url}/elsewhere`, retries: 0 });
    await expect(other.experiment('x')).rejects.toBeInstanceOf(MlflowError);
  });

  it('reads a history of several pages', async () => {
    const experimentId = await client.experiment('pawl');
    const runId = await client.createRun({ experimentId, name: 'long', startMs: 1, tags: [] });
    for (let from = 0; from < 6; from++) {
      await client.logPoints(
        runId,
        Array.from({ length: 1000 }, (_, i) => ({ key: 'loss', value: i, step: from * 1000 + i, timestamp: 1 })),
      );
    }
    const steps = (await client.history(runId, 'loss')).map(({ step }) => step);
    expect(new Set(steps).size).toBe(6000);
  });
});

describe('publishing', () => {
  let publisher: Publisher;
  beforeEach(async () => {
    publisher = { store, client, clock: () => 5_000, holder: 'first' };
    await ensureMlflowRun(store, client, 'pawl', runName(), facts);
  });
  const units = () => journalUnits('sft', points(1, 20));
  const stepsOf = async (key: string): Promise<number[]> => {
    const cursor = await readCursor(store, runName());
    return (await client.history(cursor?.mlflowRunId ?? '', key)).map(({ step }) => step).sort((a, b) => a - b);
  };
  const oneToTwenty = Array.from({ length: 20 }, (_, i) => i + 1);
  /** A later process, when the intent of the first has grown stale. */
  const successor = (): Publisher => ({ ...publisher, holder: 'second', clock: () => 5_001 + staleAfterMs });

  it('sends every point once, however often it is asked', async () => {
    await publish(publisher, runName(), units().slice(0, 12));
    await publish(publisher, runName(), units());
    await publish(publisher, runName(), units());
    expect(await stepsOf('sft.loss')).toEqual(oneToTwenty);
    expect(await stepsOf('sft.norm')).toEqual(oneToTwenty);
  });

  it.each([
    ['before anything was sent', 0],
    ['after half of it was', 10],
    ['between the last point and the cursor', 20],
  ])('is completed by the next process after a crash %s', async (_, arrived) => {
    const crashing: MlflowClient = {
      ...client,
      async logPoints(runId, sent) {
        await client.logPoints(
          runId,
          sent.filter(({ step }) => step <= arrived),
        );
        throw new Error('killed');
      },
    };
    await expect(publish({ ...publisher, client: crashing }, runName(), units())).rejects.toThrow('killed');
    await publish(successor(), runName(), units());
    expect(await stepsOf('sft.loss')).toEqual(oneToTwenty);
    expect(await stepsOf('sft.norm')).toEqual(oneToTwenty);
  });

  it('leaves the points of a worker that is busy alone until it must be dead', async () => {
    const crashing: MlflowClient = { ...client, logPoints: () => Promise.reject(new Error('killed')) };
    await expect(publish({ ...publisher, client: crashing }, runName(), units())).rejects.toThrow('killed');
    await expect(publish({ ...publisher, holder: 'second' }, runName(), units())).rejects.toBeInstanceOf(Busy);
    await publish(successor(), runName(), units());
    expect(await stepsOf('sft.loss')).toEqual(oneToTwenty);
  });

  it('by two workers at once sends every point once', async () => {
    const insist = async (holder: string): Promise<void> => {
      for (;;) {
        try {
          await publish({ ...publisher, holder }, runName(), units());
          return;
        } catch (error) {
          if (!(error instanceof Busy)) throw error;
        }
      }
    };
    await Promise.all([insist('one'), insist('two')]);
    expect(await stepsOf('sft.loss')).toEqual(oneToTwenty);
  });

  it('makes one MLflow run when two workers begin at once, with parameters and tags', async () => {
    const run = { workflowId: `demo/twice-${number}`, runId: '1' };
    await Promise.all([1, 2].map(() => ensureMlflowRun(store, client, 'pawl', run, facts)));
    const experimentId = await client.experiment('pawl');
    const found = await client.findRuns(experimentId, [
      { key: 'pawl.workflow_id', value: run.workflowId },
      { key: 'pawl.temporal_page', value: 'http://ui/run' },
    ]);
    expect(found).toEqual([(await readCursor(store, run))?.mlflowRunId]);
  });
});

describe('the tracker', () => {
  let door: Door;
  let planHash: string;
  let trackers: MlflowTracker[];
  let warnings: string[];
  beforeEach(async () => {
    door = await doorTo(mlflow.port);
    trackers = [];
    warnings = [];
    const plan: Plan = {
      irVersion: 1,
      expressions: 'cel',
      name: 'demo',
      seed: 7,
      params: { lr: 0.1 },
      kinds: {},
      steps: {},
      outputs: {},
      metrics: {},
    };
    planHash = await putPlan(store, plan);
    await writeRun(store, record('running'));
  });
  afterEach(async () => {
    await Promise.all(trackers.map((tracker) => tracker.close()));
    await door.shut();
  });

  const record = (state: RunRecord['state'], more: Partial<RunRecord> = {}): RunRecord => ({
    ...{ schema: 1, ...runName(), planHash, name: 'demo', state, startedAt: '2026-01-01T00:00:00.000Z' },
    ...{ endedAt: state === 'running' ? null : '2026-01-01T01:00:00.000Z', gitCommit: 'abc', steps: [], outputs: {} },
    ...{ metrics: {}, failures: [], lost: {}, mlflow: null, ...more },
  });
  const step = (
    path: string,
    kind: string,
    key: string,
    metrics: Record<string, number>,
    clicks: number | null = null,
  ): RunRecord['steps'][number] => ({
    ...{
      path,
      kind,
      key,
      state: 'done',
      reason: null,
      startedAt: '2026-01-01T00:00:00.000Z',
      endedAt: '2026-01-01T00:30:00.000Z',
    },
    ...{ seconds: 1, attempts: 1, resumedFrom: null, metrics, failure: null, clicks },
  });
  const mark = (path: string, key: string) => ({
    run: { ...runName(), planHash, storeId: store.id, pipeline: 'demo' },
    path,
    key,
    attempt: 'a1',
  });
  const tracker = (): MlflowTracker => {
    const made = createMlflowTracker({
      ...{
        store,
        url: door.url,
        experiment: 'pawl',
        temporalPage: (id: string) => `http://ui/${id}`,
        retryMs: 200,
        timeoutMs: 5_000,
      },
      warn: (message) => warnings.push(message),
    });
    trackers.push(made);
    return made;
  };
  const series = async (key: string): Promise<[number, number][]> => {
    const cursor = await readCursor(store, runName());
    const history = await client.history(cursor?.mlflowRunId ?? '', key);
    return history.map(({ step: at, value }): [number, number] => [at, value]).sort(([a], [b]) => a - b);
  };
  const journal = (part: number, from: number, to: number) =>
    appendJournalPart(store, { key: 'k1', attempt: 'a1', part, text: points(from, to).map(journalLine).join('') });
  const click = (index: number) =>
    commitClick(store, {
      schema: 1,
      loopKey: 'l1',
      index,
      carry: {},
      metrics: { update: { kl: index / 10 } },
      keys: {},
      createdAt: '2026-01-01T00:10:00.000Z',
      seconds: 1,
    });

  it('shows journals, iterations, committed metrics and those of the run, and ends the MLflow run', async () => {
    const told = tracker();
    await journal(0, 1, 3);
    told.checkpointed(mark('sft', 'k1'));
    await journal(1, 4, 5);
    told.stepCommitted({ ...mark('sft', 'k1'), kind: 'train.sft', metrics: { loss: 0.2, queries: 9 } });
    for (const index of [0, 1, 2])
      told.stepCommitted({
        ...mark(`rl[${index}].update`, `u${index}`),
        kind: 'rl.update',
        metrics: { kl: index / 10 },
      });
    await told.flush();
    told.runRecorded({ record: record('done', { metrics: { ndcg: 0.4 } }), final: true });
    await told.flush();
    expect((await series('sft.loss')).map(([at]) => at)).toEqual([1, 2, 3, 4, 5]);
    expect(await series('sft.final.loss')).toEqual([[0, 0.2]]);
    expect(await series('sft.queries')).toEqual([[0, 9]]);
    expect(await series('rl.update.kl')).toEqual([[0, 0], [1, 0.1], [2, 0.2]]); // prettier-ignore
    expect(await series('ndcg')).toEqual([[0, 0.4]]);
    expect(await readCursor(store, runName())).toMatchObject({ complete: true, intent: null });
    expect(warnings).toEqual([]);
  });

  it('warns once while MLflow is down, never fails, and catches up when it answers', async () => {
    await door.shut();
    const told = tracker();
    await journal(0, 1, 5);
    told.checkpointed(mark('sft', 'k1'));
    await told.flush();
    told.stepCommitted({ ...mark('rl[0].update', 'u0'), kind: 'rl.update', metrics: { kl: 0.5 } });
    await told.flush();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('metrics are kept in the store and sent when it answers');
    await door.open();
    await expect
      .poll(async () => (await readCursor(store, runName()))?.progress.iterations)
      .toEqual({ 'rl.update': [[0, 0]] });
    expect(await series('sft.loss')).toHaveLength(5);
    expect(warnings).toHaveLength(2);
  });

  it('after a lost answer asks what arrived instead of sending it again', async () => {
    const told = tracker();
    told.runRecorded({ record: record('running'), final: false });
    await told.flush();
    await journal(0, 1, 5);
    door.swallowAnswers(true);
    told.checkpointed(mark('sft', 'k1'));
    await told.flush();
    door.swallowAnswers(false);
    await expect.poll(async () => (await readCursor(store, runName()))?.progress.last['sft.loss']).toBe(5);
    expect((await series('sft.loss')).map(([at]) => at)).toEqual([1, 2, 3, 4, 5]);
  });

  it('of a new worker sends what the one that died, and cached steps, have left', async () => {
    await door.shut();
    const dead = tracker();
    await journal(0, 1, 2);
    dead.checkpointed(mark('sft', 'k1'));
    await dead.flush();
    await dead.close();
    for (const index of [0, 1, 2, 3]) await click(index);
    const steps = [step('eval', 'eval.retrieval', 'e1', { ndcg: 0.3 }), step('rl', 'loop', 'l1', {}, 3)];
    await writeRun(store, record('done', { steps, metrics: { ndcg: 0.3 } }));
    await door.open();
    tracker();
    await expect.poll(async () => (await readCursor(store, runName()))?.complete, { timeout: 20_000 }).toBe(true);
    expect(await series('eval.ndcg')).toEqual([[0, 0.3]]);
    expect(await series('rl.update.kl')).toEqual([[0, 0], [1, 0.1], [2, 0.2]]); // prettier-ignore
    expect(await series('ndcg')).toEqual([[0, 0.3]]);
  });
});

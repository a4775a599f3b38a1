// Steps of several parts, cut at every place where they can be cut: what they commit is that of a straight run. A stand-in for
// the trainer gives every cut point; the real one, killed and cancelled, gives the bytes of real embeddings.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InputValue, StepCall, StepOutcome } from '../../../activities/calls.js';
import { createEngine, type Engine, type EngineJob, type JobEvent } from '../../../activities/engine/engine.js';
import { createMutex } from '../../../activities/engine/mutex.js';
import type { Slot } from '../../../activities/host.js';
import { StepFailure, type KindImplementation } from '../../../activities/kind.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { newestCheckpoint } from '../../../store/checkpoints.js';
import { readResult } from '../../../store/results.js';
import { attempt, callOf, openBench, type Attempt, type Bench } from '../bench.js';
import { buildDefaults, smallDataset, smallModel } from './small-dataset.js';
import { wordEngine, writeLines } from './word-model.js';
import { evaluationDefaults } from './evaluation-defaults.js';

const repository = resolve(import.meta.dirname, '../../..');
let bench: Bench;
let data: InputValue;
let round = 0;

beforeAll(async () => {
  bench = await openBench();
  data = output(await attempt(bench, callOf(bench, 'data.jsonl', {}), { kind: dataset }).outcome, 'dataset');
});
afterAll(async () => {
  await retrievalThreads().close();
  await bench.close();
});

const output = (outcome: StepOutcome, name: string): InputValue => outcome.outputs[name] ?? null;

/** The call of a kind with an input that changes nothing but the key, so that it computes whatever was committed before. */
const fresh = (uses: string, inputs: Record<string, InputValue>): StepCall =>
  callOf(bench, uses, { ...inputs, round: (round += 1) });

/** Leaves the small dataset as its output, half of its queries for training. */
const dataset: KindImplementation = async (context) => {
  const small = smallDataset(bench.home, 40);
  const out = await context.outputDir('dataset');
  cpSync(small.artifact.path, out, { recursive: true });
  const queries = small.queries.map((query, i) => ({ ...query, split: i < 10 ? 'test' : 'sft' }));
  writeLines(join(out, 'queries.jsonl'), queries);
  const counts = { corpus: 40, queries: { test: 10, sft: 10 }, judgements: 20, reasoning: 0, pairs: 0 };
  writeFileSync(join(out, 'manifest.json'), JSON.stringify({ schema: 1, name: 'small', notes: {}, ...counts }));
  return {};
};

const trees = async ({ key }: StepCall): Promise<string[]> =>
  Object.values((await readResult(bench.store, key))?.outputs ?? {}).map(({ tree }) => tree);

const evaluation = (model: InputValue): Record<string, InputValue> => ({
  ...{ ...evaluationDefaults, model, data, modes: ['plain', 'sampled', 'bm25'], samples: 2, min_new: 2, batch: 4 },
});

const refreshing = (model: InputValue, index: InputValue): Record<string, InputValue> => ({
  ...{
    index,
    model,
    policy: 'full',
    budget: { fraction: 1 },
    top: 2,
    ring: 3,
    probe: 0.25,
    share: 0.5,
    target: 0.95,
    confidence: 0.95,
    ranks: 'served',
    correct: 'none',
    lambda: 0.1,
    compact: 0.5,
  },
  ...{ fidelity: false, batch: 4 },
});

describe('a step of several parts', () => {
  const stepsOfOne = 3;

  /** Does what it is asked in three steps, with a checkpoint behind all but the last; fails at the `crashAt`-th thing that it does. */
  function standIn(crashAt: number): { slot: Slot; jobs: EngineJob[] } {
    let things = 0;
    const jobs: EngineJob[] = [];
    const thing = (): void => {
      things += 1;
      if (things === crashAt) throw new StepFailure('trainer_crash', 'killed');
    };
    const work = (job: EngineJob, onEvent: (event: JobEvent) => void): void => {
      jobs.push(job);
      thing();
      const { op, inputs, id, workDir, resume } = job;
      const state = JSON.stringify({ op, out: String(inputs['out']).split('/').at(-2) });
      if (resume !== null) expect(readFileSync(join(resume.path, 'state.json'), 'utf8')).toBe(state);
      for (let step = (resume?.step ?? 0) + 1; step < stepsOfOne; step += 1) {
        const path = `checkpoints/${step}`;
        mkdirSync(join(workDir, path), { recursive: true });
        writeFileSync(join(workDir, path, 'state.json'), state);
        onEvent({ type: 'checkpoint', id, step, path });
        thing();
      }
      wordEngine({ op, inputs });
    };
    const engine: Engine = {
      async run(job, onEvent) {
        work(job, onEvent);
        return Promise.resolve({ metrics: { passes: stepsOfOne, steps: stepsOfOne }, seconds: 0, figures: {} });
      },
      warm: () => Promise.resolve(),
      provenance: () => ({}),
      pid: () => null,
      stop: () => Promise.resolve(),
    };
    return { slot: { engine, mutex: createMutex(), hostQueue: 'here' }, jobs };
  }

  /** Two shards of the corpus of an evaluation, one of them without work. */
  async function corpusShards(model: InputValue): Promise<Record<string, InputValue>[]> {
    const shards = [];
    for (const shard of [1, 2]) {
      const made = fresh('eval.shard', { model, data, batch: 4, shard, shards: 2 });
      shards.push((await attempt(bench, made, { slot: standIn(0).slot }).outcome).outputs);
    }
    return shards;
  }

  it.each([
    ['as one', ['encode', 'encode', 'reason']],
    ['over shards', ['encode', 'reason']],
  ])('is cut anywhere and does only what no checkpoint holds: %s', async (how, ops) => {
    const path = smallModel(bench.home, 'words/model').path;
    const folder: KindImplementation = async (context) => {
      cpSync(path, await context.outputDir('folder'), { recursive: true });
      return {};
    };
    const model = output(await attempt(bench, fresh('test.sleep', { steps: 1 }), { kind: folder }).outcome, 'folder');
    const straight = fresh('eval.retrieval', evaluation(model));
    const { metrics } = await attempt(bench, straight, { slot: standIn(0).slot }).outcome;
    const given = how === 'as one' ? {} : { shards: await corpusShards(model) };
    const make = (): StepCall => ({ ...fresh('eval.retrieval', evaluation(model)), ...given });
    const whole = standIn(0);
    await attempt(bench, make(), { slot: whole.slot }).outcome;
    expect(whole.jobs.map(({ op }) => op)).toEqual(ops);
    const things = whole.jobs.length * stepsOfOne;
    for (let cut = 1; cut <= things; cut += how === 'as one' ? 1 : 4) {
      const made = make();
      const first = standIn(cut);
      await expect(attempt(bench, made, { slot: first.slot }).outcome).rejects.toMatchObject({ type: 'trainer_crash' });
      const kept = (await newestCheckpoint(bench.store, made.checkpointKey))?.step ?? null;
      const then = standIn(0);
      const outcome = await attempt(bench, made, { slot: then.slot, number: 2 }).outcome;
      expect(outcome, `cut ${cut}`).toMatchObject({ metrics, resumedFrom: kept });
      expect(await trees(made), `cut ${cut}`).toEqual(await trees(straight));
      const [again] = then.jobs;
      expect(first.jobs.length + then.jobs.length, `cut ${cut}`).toBe(whole.jobs.length + 1);
      expect(again?.resume?.step ?? 0).toBe((cut - 1) % stepsOfOne);
    }
  });
});

describe('with the real trainer', () => {
  let slot: Slot;
  let models: InputValue[];
  let index: InputValue;
  let cutting: { at: number; cut: () => void } | null = null;

  beforeAll(async () => {
    const inner = createEngine({
      command: join(repository, '.pawl', 'python', 'bin', 'python'),
      args: ['-m', 'pawl_trainer'],
      pythonPath: join(repository, 'trainer'),
      logFile: join(bench.home, 'real.log'),
      ...{ threads: 1, cacheBytes: 1e9, startTimeoutMs: 120_000, killGraceMs: 2_000, cancelGraceMs: 60_000 },
    });
    let seen = 0;
    const run: Engine['run'] = (job, onEvent, signal) => {
      const watch = (event: JobEvent): void => {
        onEvent(event);
        if (cutting === null || event.type !== 'checkpoint') return;
        seen += 1;
        if (seen !== cutting.at) return;
        const { cut } = cutting;
        [cutting, seen] = [null, 0];
        cut();
      };
      return inner.run(job, watch, signal);
    };
    slot = { engine: { ...inner, run }, mutex: createMutex(), hostQueue: 'trainer@here' };
    const model = async (vocab: number): Promise<InputValue> => {
      const inputs = { data, preset: 'test', vocab, reason_tokens: 6 };
      return output(await attempt(bench, callOf(bench, 'model.init', inputs), { slot }).outcome, 'model');
    };
    models = [await model(320), await model(300)];
    const built = fresh('index.build', { ...buildDefaults, model: models[0] ?? null, data, batch: 4 });
    index = output(await attempt(bench, built, { slot }).outcome, 'index');
  }, 300_000);
  afterAll(() => slot.engine.stop());

  const graceful = ({ environment }: Attempt): void =>
    environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
  const kill = (): void => void process.kill(slot.engine.pid() ?? 0, 'SIGKILL');

  /** Cuts the step at its `at`-th checkpoint and lets it go on. A trainer that has ended before the cut reached it: once more. */
  async function cutAt(make: () => StepCall, at: number, cut: (running: Attempt) => void): Promise<StepCall> {
    for (let tries = 0; tries < 5; tries += 1) {
      const made = make();
      indexCache().clear();
      const running = attempt(bench, made, { slot });
      cutting = { at, cut: () => cut(running) };
      const isWhole = await running.outcome.then(
        () => true,
        () => false,
      );
      if (isWhole) continue;
      const outcome = await attempt(bench, made, { slot, number: 2 }).outcome;
      expect(outcome.resumedFrom).toBeGreaterThanOrEqual(at);
      expect(outcome.warnings).toBeUndefined();
      return made;
    }
    throw new Error('the trainer always ended before it was cut');
  }

  it.each([
    ['index.build, cancelled', 'index.build', 3, graceful],
    ['index.refresh, cancelled', 'index.refresh', 4, graceful],
    ['eval.retrieval, cancelled in the corpus', 'eval.retrieval', 2, graceful],
    ['eval.retrieval, cancelled in its reasonings', 'eval.retrieval', 15, graceful],
    ['eval.retrieval, killed', 'eval.retrieval', 5, kill],
  ] as const)(
    '%s, ends with the bytes of a straight run',
    async (_title, uses, at, cut) => {
      const [first = null, second = null] = models;
      const make = (): StepCall => {
        if (uses === 'index.build') return fresh(uses, { ...buildDefaults, model: second, data, batch: 4 });
        return fresh(uses, uses === 'index.refresh' ? refreshing(second, index) : evaluation(first));
      };
      const straight = make();
      indexCache().clear();
      await attempt(bench, { ...straight, checkpoint: { everySteps: null, everyMs: null, keepLast: 1 } }, { slot })
        .outcome;
      const made = await cutAt(make, at, cut);
      expect(await trees(made)).toEqual(await trees(straight));
    },
    300_000,
  );
});

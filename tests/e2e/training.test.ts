// Real training from the command to the committed model, on real servers: straight through, again, changed, left, stopped,
// and with every process killed at least once.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMlflowClient } from '../../tracking/mlflow-client.js';
import { readCursor } from '../../tracking/cursor.js';
import type { Result } from '../../schemas/generated/records.js';
import { ensureBuilt } from '../local/built.js';
import {
  clicksIn,
  madeBy,
  newestCheckpointStep,
  pidAfter,
  pidOf,
  pipeline,
  processesOf,
  resultsIn,
  statesOf,
  trainerOf,
  trainingRig,
  until,
  type TrainingRig,
} from './training-rig.js';

/** Steps of stage 1 between checkpoints, and all of them, as tiny.yaml has them. */
const [every, all] = [4, 24];
/** The suites run at the same time, the tests of each one after the other. */
const inOrder = (timeout: number) => ({ concurrent: false, timeout });
let straight: TrainingRig;
let killed: TrainingRig;
let reference: Map<string, Result> | null = null;

beforeAll(async () => {
  await ensureBuilt();
  [straight, killed] = await Promise.all([trainingRig({ mlflow: false }), trainingRig({ mlflow: true })]);
}, 180_000);
afterAll(async () => {
  await Promise.all([straight.dispose(), killed.dispose()]);
}, 120_000);

describe.concurrent('a pipeline that trains', () => {
  /** Paths of what a run has committed that was not there before. */
  let known: Map<string, Result>;
  const fresh = async (): Promise<string[]> => {
    const results = await resultsIn(straight.store);
    const paths = [...results.values()].filter(({ key }) => !known.has(key)).map(({ path }) => path);
    known = results;
    return paths.sort();
  };

  it('runs from data to the gate', inOrder(300_000), async () => {
    const { code, stderr, record } = await straight.train([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(new Set(Object.values(statesOf(record)))).toEqual(new Set(['done']));
    known = await resultsIn(straight.store);
    reference = known;
    const iteration = (index: number) =>
      ['refresh', 'reward', 'rollout', 'update'].map((step) => `rl[${index}].${step}`);
    expect([...known.values()].map(({ path }) => path).sort()).toEqual(
      ['base', 'corpus', 'eval', 'index', 'sft', ...[0, 1, 2].flatMap(iteration)].sort(),
    );
  });

  it('runs again from the store alone, in a few seconds', inOrder(60_000), async () => {
    const { code, seconds, record } = await straight.train([]);
    expect([code, statesOf(record)]).toEqual([
      0,
      { base: 'cached', corpus: 'cached', sft: 'cached', index: 'cached', rl: 'done', eval: 'cached', gate: 'done' },
    ]);
    expect(seconds).toBeLessThan(15);
    expect(await fresh()).toEqual([]);
  });

  it('runs only its last step when only that has changed', inOrder(120_000), async () => {
    const { code, record } = await straight.train(['--set', 'eval_queries=12']);
    expect([code, statesOf(record).eval, statesOf(record).sft]).toEqual([0, 'done', 'cached']);
    expect(await fresh()).toEqual(['eval']);
  });

  it('goes on at the last iteration when there are to be more', inOrder(120_000), async () => {
    const { code } = await straight.train(['--set', 'iterations=4']);
    expect(code).toBe(0);
    expect(await fresh()).toEqual(['eval', 'rl[3].refresh', 'rl[3].reward', 'rl[3].rollout', 'rl[3].update']);
  });

  it('ends with the status of its gate, and with what does not hold', inOrder(60_000), async () => {
    const { code, stdout } = await straight.pawl(['run', pipeline, '--set', 'min_ndcg=1.5']);
    expect([code, stdout]).toEqual([3, expect.stringMatching(/gate: .*ndcg_at_10.* 1\.5/)]);
    expect(await fresh()).toEqual([]);
  });

  it('keeps a checkpoint when it is cancelled, and goes on from it', inOrder(240_000), async () => {
    const args = ['run', pipeline, '--set', 'sft_steps=40', '--set', 'iterations=1', '--name', 'stopped'];
    const first = straight.begin(args);
    await until(async () => (await newestCheckpointStep(straight.store)) >= every, 120_000, first.stdout);
    expect((await straight.pawl(['cancel', 'tiny/stopped'])).code).toBe(0);
    const { code, stdout } = await first.outcome;
    expect([code, stdout]).toEqual([6, expect.stringMatching(/tiny\/stopped: cancelled/)]);
    const kept = await newestCheckpointStep(straight.store);
    const again = await straight.pawl(args);
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringMatching(/sft +train\.sft started from the checkpoint/),
    ]);
    const [sft] = [...(await resultsIn(straight.store)).values()].filter(
      ({ path, run }) => path === 'sft' && run.startsWith('tiny/stopped'),
    );
    expect(sft?.resumedFrom).toBe(kept);
  });

  it('learns the reasoning that a command wrote as the teacher', inOrder(300_000), async () => {
    const args = ['--set', 'functions=300', '--set', 'steps=6', '--name', 'taught', '--json'];
    const { code, stderr } = await straight.pawl(['run', writeTeacher(straight.folder), ...args]);
    expect({ code, stderr: stderr.replace(/warning: .*\n/g, '') }).toEqual({ code: 0, stderr: '' });
    const made = [...(await resultsIn(straight.store)).values()];
    const resultOf = (step: string): Result | undefined =>
      made.find(({ path, run }) => path === step && run.startsWith('teacher/taught'));
    expect(resultOf('teach')?.metrics).toEqual({ taught: 5 });
    // The corpus is that of the runs before.
    const all = made.find(({ path }) => path === 'corpus')?.metrics['queries_sft'] ?? 0;
    // The dataset has a target for every query: those of the teacher stand in for them.
    expect(resultOf('sft')?.warnings).toEqual([
      expect.stringMatching(`^${all - 5} of ${all} queries of the split .sft. have no reasoning target`),
    ]);
    expect(resultOf('sft')?.metrics['ce']).toBeGreaterThan(0);
  });

  it('says within ten seconds that its worker is gone, and waits', inOrder(60_000), async () => {
    process.kill(pidOf(straight, 'supervisor'), 'SIGKILL');
    process.kill(pidOf(straight, 'worker'), 'SIGKILL');
    // As on a server elsewhere, for which nothing is started here.
    const address = `127.0.0.1:${straight.env.PAWL_TEMPORAL_PORT}`;
    const startedMs = Date.now();
    const { code, stderr } = await straight.pawl(['run', pipeline, '--name', 'alone', '--timeout', '9s'], {
      TEMPORAL_ADDRESS: address,
    });
    expect([code, stderr]).toEqual([124, expect.stringContaining('no worker polls the queue `pawl`: the run waits.')]);
    expect(Date.now() - startedMs).toBeLessThan(20_000);
  });

  it('leaves no process behind after `pawl down`', inOrder(60_000), async () => {
    await straight.pawl(['down']);
    expect(processesOf(straight.home)).toEqual([]);
  });
});

/** pipelines/teacher.yaml in a folder, with a program of Node as the teacher: it teaches five queries. Returns the path. */
function writeTeacher(folder: string): string {
  const pipelines = join(import.meta.dirname, '../../pipelines');
  const text = readFileSync(join(pipelines, 'teacher.yaml'), 'utf8').replace('[python, teach.py]', '[node, teach.mjs]');
  mkdirSync(join(folder, 'teacher'), { recursive: true });
  writeFileSync(join(folder, 'teacher/teach.mjs'), teacher);
  writeFileSync(join(folder, 'teacher.yaml'), text);
  return join(folder, 'teacher.yaml');
}

const teacher = `import { readFileSync, writeFileSync } from 'node:fs';
const { inputs, outputs } = JSON.parse(readFileSync(process.env.PAWL_JOB, 'utf8'));
const lines = readFileSync(inputs.data.path + '/queries.jsonl', 'utf8').trimEnd().split('\\n');
const queries = lines.map((line) => JSON.parse(line)).filter(({ split }) => split === inputs.split).slice(0, 5);
const rows = queries.map(({ _id, text }) => JSON.stringify({ query: _id, reasoning: 'it is about ' + text }));
writeFileSync(outputs.reasoning + '/reasoning.jsonl', rows.join('\\n') + '\\n');
writeFileSync(process.env.PAWL_OUTPUTS + '/metrics.json', JSON.stringify({ taught: queries.length }));
`;

// Meanwhile: most of its time it waits for what was killed to be missed.
describe.concurrent('the same pipeline, its processes killed one after the other', () => {
  const run = ['run', pipeline, '--name', 'killed'];
  let follower: ReturnType<TrainingRig['begin']>;
  const mlflowAnswers = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${killed.env.PAWL_MLFLOW_PORT}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  const checkpoint = (step: number): Promise<number> =>
    until(
      async () => {
        const newest = await newestCheckpointStep(killed.store);
        return newest >= step && newest;
      },
      180_000,
      () => follower.stdout(),
    );
  const clicks = (count: number): Promise<boolean> =>
    until(
      async () => (await clicksIn(killed.store)) >= count,
      180_000,
      () => follower.stdout(),
    );
  /** From which checkpoint the attempt of this number at the supervised stage goes on. */
  const startOf = (attempt: number): Promise<number> =>
    until(
      async () => {
        const { stdout } = await killed.pawl(['status', 'tiny/killed', '--json']);
        const { root } = JSON.parse(stdout) as {
          root?: {
            pending: { path: string; attempt: number; pulse: { attempt: number; startedFrom: number } | null }[];
          };
        };
        const pulse = root?.pending.find(({ path }) => path === 'sft')?.pulse;
        return pulse?.attempt === attempt && pulse.startedFrom;
      },
      120_000,
      () => follower.stdout(),
    );

  it(
    'goes on when its follower leaves with ctrl-C, and the same command comes back to it',
    inOrder(300_000),
    async () => {
      const first = killed.begin(run);
      await until(() => first.stdout().includes('corpus'), 120_000, first.stdout);
      first.child.kill('SIGINT');
      const left = await first.outcome;
      expect([left.code, left.stdout]).toEqual([130, expect.stringContaining('tiny/killed goes on.\nCome back with')]);
      follower = killed.begin(run);
      await until(() => follower.stdout().includes('under way already'), 60_000, follower.stdout);
    },
  );

  it('goes on from the last checkpoint after kill -9 of the worker and of the trainer', inOrder(400_000), async () => {
    const first = await checkpoint(every);
    process.kill(pidOf(killed, 'worker'), 'SIGKILL');
    expect(await startOf(2)).toBeGreaterThanOrEqual(first);
    const second = await checkpoint(first + every);
    process.kill(trainerOf(pidOf(killed, 'worker')) ?? 0, 'SIGKILL');
    expect(await startOf(3)).toBeGreaterThanOrEqual(second);
  });

  it(
    'goes on from the last iteration after kill -9 of the Temporal server and of the worker, to its end',
    inOrder(400_000),
    async () => {
      expect((await killed.pawl(['up'])).code).toBe(0);
      expect(await mlflowAnswers()).toBe(true); // `up` waits for it, a run does not
      await clicks(1);
      process.kill(pidOf(killed, 'temporal'), 'SIGKILL');
      await clicks(2);
      process.kill(pidOf(killed, 'worker'), 'SIGKILL');
      expect(await follower.outcome).toMatchObject({ code: 0 });
    },
  );

  it('ends with exactly what the undisturbed run made', inOrder(180_000), async () => {
    const undisturbed = await until(
      () => reference,
      120_000,
      () => 'the undisturbed run has not ended',
    );
    expect(madeBy((await resultsIn(killed.store)).values())).toEqual(madeBy(undisturbed.values()));
  });

  it('has every point in MLflow, once', inOrder(180_000), async () => {
    const { stdout } = await killed.pawl(['status', 'tiny/killed', '--json']);
    const { record } = JSON.parse(stdout) as { record: { workflowId: string; runId: string } };
    const cursor = await until(
      async () => {
        const standing = await readCursor(killed.store, record);
        return standing?.complete === true && standing;
      },
      120_000,
      () => 'not all is sent',
    );
    const mlflow = createMlflowClient({ url: `http://127.0.0.1:${killed.env.PAWL_MLFLOW_PORT}` });
    const steps = async (metric: string): Promise<number[]> =>
      (await mlflow.history(cursor.mlflowRunId ?? '', metric)).map(({ step }) => step).sort((a, b) => a - b);
    expect(await steps('sft.loss')).toEqual(Array.from({ length: all }, (_, index) => index + 1));
    expect(await steps('rl.update.loss')).toEqual([0, 1, 2]);
  });

  it('has MLflow answer again after kill -9, although its own child held the port', inOrder(180_000), async () => {
    const first = pidOf(killed, 'mlflow');
    process.kill(first, 'SIGKILL');
    const again = async (): Promise<boolean> => pidAfter(killed, 'mlflow', first) !== null && (await mlflowAnswers());
    await until(again, 120_000, () => 'MLflow does not answer');
  });

  it('leaves no process behind after `pawl down`, and no folder of an attempt', inOrder(60_000), async () => {
    const { stdout } = await killed.pawl(['down']);
    for (const name of ['mlflow', 'temporal', 'worker']) expect(stdout).toContain(name);
    expect(processesOf(killed.home)).toEqual([]);
    expect(readdirSync(join(killed.home, 'work'))).toEqual([]);
  });
});

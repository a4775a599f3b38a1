// A pipeline that is planned and then run: the real compiler, interpreter, local activities, kinds and folder store. One kind
// of its own draws and is keyed by the environment, so that every part of a key can be changed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { KindImplementation } from '../../activities/kind.js';
import { localActivities } from '../../activities/local-activities.js';
import { compile } from '../../compiler/compile.js';
import { planRun } from '../../planning/plan-run.js';
import type { PlannedStep } from '../../planning/planned-step.js';
import type { Plan } from '../../schemas/generated/plan.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import type { StepKind } from '../../schemas/generated/step-kind.js';
import { planHash } from '../../schemas/identity.js';
import { digestInput, putInput } from '../../store/files.js';
import { putPlan } from '../../store/plans.js';
import { readRun } from '../../store/runs.js';
import { createWorld } from '../../workflows/port-in-process.js';
import { attempt } from '../activities/bench.js';
import type { Bench } from '../activities/bench.js';

/** What an edit may touch. */
export interface Edit {
  text: string;
  set: Record<string, unknown>;
  seed: number;
  python: string;
}

export const drawKind: StepKind = {
  kind: 'test.draw',
  version: 1,
  runs: 'worker',
  help: 'Writes its seed.',
  seeded: true,
  checkpoints: false,
  environment: ['python_version'],
  inputs: {
    notes: { type: 'file', help: 'A file.', default: '' },
    scale: { type: 'number', help: 'Comes out as the metric `value`.', default: 1 },
  },
  outputs: { folder: { artifact: 'folder', help: 'seed.txt' } },
  metrics: { value: { help: 'The input `scale`.', unit: '', goal: null } },
};

const draw: KindImplementation = async (context) => {
  writeFileSync(join(await context.outputDir('folder'), 'seed.txt'), String(context.seed));
  return { value: Number(context.inputs['scale']) };
};

export function writeBeir(folder: string, text: string): void {
  mkdirSync(join(folder, 'qrels'), { recursive: true });
  writeFileSync(join(folder, 'corpus.jsonl'), `{"_id":"d1","title":"Stone","text":"${text}"}\n`);
  writeFileSync(join(folder, 'queries.jsonl'), '{"_id":"q1","text":"stone?"}\n');
  writeFileSync(join(folder, 'qrels', 'train.tsv'), 'query-id\tcorpus-id\tscore\nq1\td1\t1\n');
}

export interface TruthRig {
  /** What planning says, by path, iterations of loops among them. */
  look(edit: Edit): Promise<Map<string, PlannedStep>>;
  /** Runs it to its end; the paths whose activity was called, and the record. */
  run(edit: Edit): Promise<{ ran: Set<string>; record: RunRecord }>;
}

/** `folder`: where the files of the pipeline lie. */
export function truthRig(bench: Bench, folder: string): TruthRig {
  stepKinds[drawKind.kind] = drawKind;
  return {
    async look(edit) {
      const plan = await planOf(folder, edit);
      const steps = await planRun({ ...lookAt(bench, edit), plan, workflowId: `truth/${planHash(plan).slice(7, 17)}` });
      return new Map(flat(steps).map((step) => [step.path, step]));
    },
    async run(edit) {
      const plan = await planOf(folder, edit);
      return runPlan(bench, folder, plan, edit);
    },
  };
}

const lookAt = (bench: Bench, { python }: Edit) => ({
  store: bench.host.store,
  environment: { python_version: python },
  now: Date.now(),
});

const flat = (steps: readonly PlannedStep[]): PlannedStep[] => steps.flatMap((step) => [step, ...flat(step.inner)]);

async function planOf(folder: string, { text, set, seed }: Edit): Promise<Plan> {
  const digests = new Map<string, Awaited<ReturnType<typeof digestInput>>>();
  for (const name of ['beir', 'copy', 'notes.txt']) digests.set(name, await digestInput(join(folder, name)));
  const { plan, diagnostics } = compile({
    path: 'truth.yaml',
    text,
    set,
    seed,
    files: (name) => digests.get(name) ?? null,
  });
  if (plan === null) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

async function runPlan(bench: Bench, folder: string, plan: Plan, { python }: Edit): ReturnType<TruthRig['run']> {
  const { store } = bench.host;
  for (const name of ['beir', 'copy', 'notes.txt']) await putInput(store, join(folder, name));
  await putPlan(store, plan);
  const ran = new Set<string>();
  const environment = (wanted: readonly string[]): Promise<Record<string, string>> =>
    Promise.resolve(Object.fromEntries(wanted.map((field) => [field, python])));
  const host = { ...bench.host, environment };
  const call = (kind?: KindImplementation) => (step: Parameters<typeof attempt>[1]) => {
    ran.add(step.path);
    return attempt(bench, step, { host: { environment }, ...(kind === undefined ? {} : { kind }) }).outcome;
  };
  const world = createWorld({
    activities: { 'test.sleep': call(), 'data.jsonl': call(), 'test.draw': call(draw) },
    local: localActivities(host),
  });
  const workflowId = `truth/${planHash(plan).slice(7, 17)}`;
  const started = world.start(workflowId, {
    plan,
    planHash: planHash(plan),
    placement: { workflowQueue: 'pawl', trainers: [] },
    storeId: store.id,
    features: { searchAttributes: false },
    gitCommit: null,
    mlflow: null,
  });
  let isOver = false;
  const over = (): void => void (isOver = true);
  started.result.then(over, over);
  // Files are written in real time, so the clock stands still and conditions are looked at now and then.
  while (!isOver) {
    await world.clock.runUntil(() => true);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await started.result.catch(() => undefined);
  const record = await readRun(store, workflowId, 'run-1');
  if (record === null) throw new Error('the run left no record');
  return { ran, record };
}

const runs = new Set(['RUN', 'RESUME', 'PRUNED', 'DAMAGED']);

/** Fails where a run did not do what planning had said before it. */
export function compareWithRun(
  planned: ReadonlyMap<string, PlannedStep>,
  { ran, record }: Awaited<ReturnType<TruthRig['run']>>,
): void {
  const recorded = new Map(record.steps.map((step) => [step.path, step]));
  const wrong = [...planned.values()].flatMap((step) => {
    const found = recorded.get(step.path);
    const objections = [
      found?.key != null && step.key !== null && found.key !== step.key ? 'another key' : null,
      step.state === 'PENDING' && found !== undefined && !isSettled(found.state) ? 'PENDING, and not settled' : null,
      step.node.node === 'loop' ? aboutLoop(step, ran) : aboutStep(step, ran),
    ];
    return objections.flatMap((one) => (one === null ? [] : [`${step.path}: ${one}`]));
  });
  const unforeseen = [...ran].filter((path) => !path.includes('[') && !planned.has(path));
  expect([...wrong, ...unforeseen]).toEqual([]);
}

const isSettled = (state: string): boolean => ['done', 'cached', 'skipped', 'failed'].includes(state);

function aboutStep({ path, node, state }: PlannedStep, ran: ReadonlySet<string>): string | null {
  if (node.node !== 'step') return null;
  if (runs.has(state) && !ran.has(path)) return `${state}, and it did not run`;
  return ['CACHED', 'SKIPPED'].includes(state) && ran.has(path) ? `${state}, and it ran` : null;
}

function aboutLoop({ path, state, click }: PlannedStep, ran: ReadonlySet<string>): string | null {
  const inside = [...ran].filter((one) => one.startsWith(`${path}[`));
  if (['CACHED', 'SKIPPED'].includes(state)) return inside.length > 0 ? `${state}, and ${inside.join()} ran` : null;
  if (!runs.has(state)) return null;
  const before = inside.filter((one) => iterationOf(one, path) <= (click ?? -1));
  if (before.length > 0) return `${state} after iteration ${click}, and ${before.join()} ran`;
  return inside.length === 0 ? `${state}, and no iteration ran` : null;
}

const iterationOf = (path: string, loop: string): number => Number(/^\[(\d+)\]/.exec(path.slice(loop.length))?.[1]);

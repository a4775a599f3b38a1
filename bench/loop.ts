// What an iteration of stage 2 costs through Pawl, beside the same mathematics in one plain Python process.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Click, Result } from '../schemas/generated/records.js';
import { trainerEnvironment } from '../activities/engine/trainer-environment.js';
import { materialise } from '../store/artifacts.js';
import { openStore } from '../store/open.js';
import { readResult } from '../store/results.js';
import { listRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import type { Installation } from './installation.js';
import { median } from './commands.js';

const rounds = 4;
const perRound = 6;
/** Left out: the first round (loading, first calls of libraries), and the first iteration of each (the start of a run). */
const counted = (index: number): boolean => index >= perRound && index % perRound > 0;
const pipeline = 'bench-loop';

export interface LoopCosts {
  iterations: number;
  /** Median milliseconds from click to click. */
  pawlMs: number;
  /** In one plain Python process. */
  plain: PlainCosts;
  /** In one with the allocator and threads set as for Pawl's trainer. */
  tuned: PlainCosts;
  /** Median milliseconds of each step, its commit included, as its result has them. */
  stepMs: Record<string, number>;
  /** Milliseconds once, for the policy and optimizer of one iteration: serialise, hash, load. */
  storageMs: Record<string, number>;
}

/** Median milliseconds of an iteration, and of its parts. */
export interface PlainCosts {
  ms: number;
  parts: Record<string, number>;
}

/** Measures: all take turns, a few iterations each. Starts the servers of the installation. @param root the folder of the clone */
export async function measureLoop(root: string, installation: Installation): Promise<LoopCosts> {
  const file = join(installation.folder, 'loop.yaml');
  await writeFile(file, pipelineText());
  const pawlTo = (count: number): Promise<string> =>
    installation.pawl('run', file, '--set', `iterations=${count}`, '--wait');
  await pawlTo(perRound);
  const store = await openStore(installation.store);
  const inputs = await inputsOf(store, installation.folder);
  const programs = [startPlain(root, inputs, {}), startPlain(root, inputs, trainerEnvironment({}))];
  const measured: PlainParts[][] = programs.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0) await pawlTo((round + 1) * perRound);
    for (const [index, program] of programs.entries()) measured[index]?.push(...(await program.next(perRound)));
  }
  const [storage = {}] = await Promise.all(programs.map((program) => program.end()));
  return costsOf(store, measured, storage);
}

async function costsOf(store: ObjectStore, measured: PlainParts[][], storage: PlainParts): Promise<LoopCosts> {
  const clicks = await readClicks(store);
  const warm = clicks.filter((_, index) => counted(index));
  const [plain, tuned] = measured.map(plainCosts);
  if (plain === undefined || tuned === undefined) throw new Error('two programs were measured');
  return {
    iterations: warm.length,
    pawlMs: median(warm.map((click) => timeOf(click) - timeOf(clicks[click.index - 1] ?? click))),
    plain,
    tuned,
    stepMs: await stepTimes(store, warm),
    storageMs: inMilliseconds(storage),
  };
}

function plainCosts(iterations: PlainParts[]): PlainCosts {
  const warm = iterations.filter((_, index) => counted(index)).map(inMilliseconds);
  const parts = Object.keys(warm[0] ?? {});
  return {
    ms: median(warm.map((iteration) => Object.values(iteration).reduce((sum, value) => sum + value, 0))),
    parts: Object.fromEntries(parts.map((part) => [part, median(warm.map((iteration) => iteration[part] ?? 0))])),
  };
}

const inMilliseconds = (parts: PlainParts): Record<string, number> =>
  Object.fromEntries(Object.entries(parts).map(([part, seconds]) => [part, 1000 * seconds]));

const timeOf = (click: Click): number => Date.parse(click.createdAt);

/** The clicks of the one loop in the store, in order. */
async function readClicks(store: ObjectStore): Promise<Click[]> {
  const clicks: Click[] = [];
  for await (const { name } of store.list('loops/')) {
    if (!name.endsWith('.json')) continue;
    const body = await store.get(name);
    if (body !== null) clicks.push(JSON.parse(new TextDecoder().decode(body)) as Click);
  }
  if (clicks.length !== rounds * perRound) throw new Error(`${clicks.length} clicks instead of ${rounds * perRound}`);
  return clicks.sort((a, b) => a.index - b.index);
}

/** Median milliseconds by step of the loop's body. */
async function stepTimes(store: ObjectStore, clicks: Click[]): Promise<Record<string, number>> {
  const times: Record<string, number[]> = {};
  for (const click of clicks) {
    for (const [step, key] of Object.entries(click.keys)) {
      const result = await readResult(store, key);
      if (result !== null) (times[step] ??= []).push(1000 * result.seconds);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([step, values]) => [step, median(values)]));
}

/** Folders of the model that the loop began with and of its data. */
async function inputsOf(store: ObjectStore, folder: string): Promise<PlainInputs> {
  const [record] = await listRuns(store, pipeline);
  const resultOf = async (path: string): Promise<Result> => {
    const key = record?.steps.find((step) => step.path === path)?.key;
    const result = key === undefined || key === null ? null : await readResult(store, key);
    if (result === null) throw new Error(`no result of ${path}`);
    return result;
  };
  const fetch = async (path: string, output: string): Promise<string> => {
    const stored = (await resultOf(path)).outputs[output];
    if (stored === undefined) throw new Error(`${path} has no output ${output}`);
    return materialise(store, join(folder, 'plain'), stored.tree);
  };
  return { model: await fetch('sft', 'model'), data: await fetch('corpus', 'dataset') };
}

/** Seconds by part. */
type PlainParts = Record<string, number>;

interface PlainInputs {
  model: string;
  data: string;
}

interface Plain {
  /** Does so many iterations more, and returns their times. */
  next(count: number): Promise<PlainParts[]>;
  /** Ends it. Returns the seconds to serialise, hash and load. */
  end(): Promise<PlainParts>;
}

/** The plain program (bench/plain_loop.py), which answers each line with one. */
function startPlain(root: string, inputs: PlainInputs, environment: Record<string, string>): Plain {
  const threads = String(Math.min(availableParallelism(), 8));
  const child = spawn(
    join(root, '.pawl', 'python', 'bin', 'python'),
    [
      join(root, 'bench', 'plain_loop.py'),
      ...['--model', inputs.model, '--data', inputs.data, '--schemas', join(root, 'schemas'), '--threads', threads],
    ],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, PYTHONPATH: join(root, 'trainer'), OMP_NUM_THREADS: threads, ...environment },
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('the plain loop ended early; its errors are above');
    return JSON.parse(line.value) as T;
  };
  return {
    next: (count) => {
      child.stdin.write(`${count}\n`);
      return answer<PlainParts[]>();
    },
    end: () => {
      child.stdin.end();
      return answer<PlainParts>();
    },
  };
}

/** The loop of the quickstart with its settings, after a short stage 1. */
function pipelineText(): string {
  const data = '"${{ steps.corpus.outputs.dataset }}"';
  const sft = '"${{ steps.sft.outputs.model }}"';
  const step = (name: string, uses: string, inputs: string): string =>
    `  ${name}: { uses: ${uses}, with: { ${inputs} } }`;
  const body = (name: string, uses: string, inputs: string): string => `      ${step(name, uses, inputs)}`;
  return [
    'pawl: 1',
    `name: ${pipeline}`,
    'params:',
    `  iterations: { type: integer, default: ${perRound} }`,
    'steps:',
    step('corpus', 'data.code-search', 'source: python-stdlib'),
    step('base', 'model.init', `data: ${data}, preset: tiny`),
    step('sft', 'train.sft', `model: "\${{ steps.base.outputs.model }}", data: ${data}, steps: 24`),
    step('index', 'index.build', `model: ${sft}, data: ${data}`),
    '  rl:',
    '    loop:',
    '      max: "${{ params.iterations }}"',
    '      carry:',
    `        policy: { type: model, init: ${sft}, next: "\${{ steps.update.outputs.model }}" }`,
    '        state: { type: trainer-state, next: "${{ steps.update.outputs.state }}" }',
    '        index: { type: index, init: "${{ steps.index.outputs.index }}", next: "${{ steps.refresh.outputs.index }}" }',
    '      keep: { last: 2 }',
    '      steps:',
    body(
      'rollout',
      'rl.rollout',
      `policy: "\${{ carry.policy }}", data: ${data}, iteration: "\${{ iter.index }}", replay: 64`,
    ),
    body(
      'refresh',
      'index.refresh',
      'index: "${{ carry.index }}", model: "${{ carry.policy }}", rollouts: "${{ steps.rollout.outputs.rollouts }}", budget: { fraction: 0.05 }',
    ),
    body(
      'reward',
      'rl.reward',
      'rollouts: "${{ steps.rollout.outputs.rollouts }}", index: "${{ steps.refresh.outputs.index }}"',
    ),
    body(
      'update',
      'rl.update',
      `policy: "\${{ carry.policy }}", state: "\${{ carry.state }}", rollouts: "\${{ steps.reward.outputs.rollouts }}", data: ${data}`,
    ),
    '',
  ].join('\n');
}

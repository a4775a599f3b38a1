// What an iteration of stage 2 costs through Pawl, beside the same mathematics in one plain Python process.
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Click, Result } from '../schemas/generated/records.js';
import { materialise } from '../store/artifacts.js';
import { openStore } from '../store/open.js';
import { readResult } from '../store/results.js';
import { listRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import type { Installation } from './installation.js';
import { median } from './commands.js';

const iterations = 24;
/** Left out at the beginning: loading, first calls of libraries. */
const warmUp = 4;
const pipeline = 'bench-loop';

export interface LoopCosts {
  iterations: number;
  /** Median milliseconds from click to click. */
  pawlMs: number;
  /** Median milliseconds of an iteration in one process, and of its parts. */
  plainMs: number;
  plainParts: Record<string, number>;
  /** Median milliseconds of each step, its commit included, as its result has them. */
  stepMs: Record<string, number>;
  /** Milliseconds once, for the policy and optimizer of one iteration: serialise, hash, load. */
  storageMs: Record<string, number>;
}

/** Measures. Starts the servers of the installation. @param root the folder of the clone */
export async function measureLoop(root: string, installation: Installation): Promise<LoopCosts> {
  const file = join(installation.folder, 'loop.yaml');
  await writeFile(file, pipelineText());
  await installation.pawl('run', file, '--wait');
  const store = await openStore(installation.store);
  const clicks = await readClicks(store);
  const warm = clicks.slice(warmUp);
  const plain = runPlain(root, await inputsOf(store, installation.folder));
  const plainWarm = plain.iterations.slice(warmUp);
  const parts = Object.keys(plainWarm[0] ?? {});
  return {
    iterations: warm.length,
    pawlMs: median(warm.map((click, index) => timeOf(click) - timeOf(clicks[warmUp + index - 1] ?? click))),
    plainMs:
      1000 * median(plainWarm.map((iteration) => Object.values(iteration).reduce((sum, value) => sum + value, 0))),
    plainParts: Object.fromEntries(
      parts.map((part) => [part, 1000 * median(plainWarm.map((iteration) => iteration[part] ?? 0))]),
    ),
    stepMs: await stepTimes(store, warm),
    storageMs: Object.fromEntries(Object.entries(plain.storage).map(([part, seconds]) => [part, 1000 * seconds])),
  };
}

const timeOf = (click: Click): number => Date.parse(click.createdAt);

/** The clicks of the one loop in the store, in order. */
async function readClicks(store: ObjectStore): Promise<Click[]> {
  const clicks: Click[] = [];
  for await (const { name } of store.list('loops/')) {
    if (!name.endsWith('.json')) continue;
    const body = await store.get(name);
    if (body !== null) clicks.push(JSON.parse(new TextDecoder().decode(body)) as Click);
  }
  if (clicks.length !== iterations) throw new Error(`${clicks.length} clicks instead of ${iterations}`);
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
async function inputsOf(store: ObjectStore, folder: string): Promise<{ model: string; data: string }> {
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

interface PlainTimes {
  iterations: Record<string, number>[];
  storage: Record<string, number>;
}

function runPlain(root: string, inputs: { model: string; data: string }): PlainTimes {
  const threads = String(Math.min(availableParallelism(), 8));
  const { status, stdout, stderr } = spawnSync(
    join(root, '.pawl', 'python', 'bin', 'python'),
    [
      join(root, 'bench', 'plain_loop.py'),
      ...['--model', inputs.model, '--data', inputs.data, '--schemas', join(root, 'schemas')],
      ...['--iterations', String(iterations), '--threads', threads],
    ],
    { encoding: 'utf8', env: { ...process.env, PYTHONPATH: join(root, 'trainer'), OMP_NUM_THREADS: threads } },
  );
  if (status !== 0) throw new Error(`the plain loop ended with ${status ?? 'a signal'}:\n${stderr}`);
  return JSON.parse(stdout) as PlainTimes;
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
    'steps:',
    step('corpus', 'data.code-search', 'source: python-stdlib'),
    step('base', 'model.init', `data: ${data}, preset: tiny`),
    step('sft', 'train.sft', `model: "\${{ steps.base.outputs.model }}", data: ${data}, steps: 24`),
    step('index', 'index.build', `model: ${sft}, data: ${data}`),
    '  rl:',
    '    loop:',
    `      max: ${iterations}`,
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

// rl.reward from what shards have counted: the same bytes and figures as in one piece, whatever there is to count.
import { createHash } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineRun, KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as countShare } from '../../../activities/kinds/index-ranks.js';
import { run as refresh } from '../../../activities/kinds/index-refresh.js';
import { run as reward } from '../../../activities/kinds/rl-reward.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { stepKinds } from '../../../schemas/generated/kinds.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { dimension, fakeContext, wordEngine, type FakeContext } from './word-model.js';

type Inputs = Record<string, KindInput>;

let root: string;
let data: SmallDataset;
let rollouts: LocalArtifact;
/** 60 documents in blocks of 8; and one with rows that tie with golds, and rows that are no numbers. */
let plain: LocalArtifact;
let odd: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

const defaultsOf = (kind: string): Inputs =>
  Object.fromEntries(
    Object.entries(stepKinds[kind]?.inputs ?? {}).flatMap(([name, input]) =>
      'default' in input ? [[name, input.default as KindInput]] : [],
    ),
  );

async function contextOf(inputs: Inputs, engine?: (run: EngineRun) => void): Promise<FakeContext> {
  const made = await fakeContext(inputs, engine === undefined ? {} : { engine });
  cleanUp.push(() => made.remove());
  return made;
}

async function built(name: string, engine?: (run: EngineRun) => void): Promise<LocalArtifact> {
  const inputs = { model: smallModel(root, 'sft/model'), data: data.artifact, ...buildDefaults, shard_rows: 8 };
  const context = await contextOf(inputs, engine);
  await build(context);
  return { path: context.outputs['index'] ?? '', identity: `${name}/index`, type: 'index' };
}

async function refreshed(name: string, inputs: Inputs): Promise<LocalArtifact> {
  const common = { index: plain, rollouts, model: smallModel(root, 'step1/model'), batch: 8, compact: 10 };
  const context = await contextOf({ ...defaultsOf('index.refresh'), ...common, ...inputs });
  await refresh(context);
  return { path: context.outputs['index'] ?? '', identity: `${name}/index`, type: 'index' };
}

/** Of the word model, but rows 20 and 33 have the vector of row 12, and rows 7 and 50 are no numbers. */
function oddEngine(run: EngineRun): void {
  wordEngine(run);
  const { rows: file, out } = run.inputs as { rows: string; out: string };
  const rows = JSON.parse(readFileSync(file, 'utf8')) as number[];
  const vectors = new Float32Array(new Uint8Array(readFileSync(out)).buffer);
  const gold = new Float32Array(dimension).fill(0.25);
  rows.forEach((row, i) => {
    if ([12, 20, 33].includes(row)) vectors.set(gold, i * dimension);
    if ([7, 50].includes(row)) vectors.fill(NaN, i * dimension, (i + 1) * dimension);
  });
  writeFileSync(out, new Uint8Array(vectors.buffer));
}

/** What the shards of a step of rl.reward leave. */
async function counted(inputs: Inputs, shards: number): Promise<Record<string, KindInput>[]> {
  const own = Object.entries(inputs).filter(([name]) => Object.hasOwn(stepKinds['index.ranks']?.inputs ?? {}, name));
  const made: Record<string, KindInput>[] = [];
  for (let shard = 1; shard <= shards; shard++) {
    const context = await contextOf({ ...Object.fromEntries(own), shard, shards });
    await countShare(context);
    expect(context.warnings).toEqual([]);
    made.push({ counts: { path: context.outputs['counts'] ?? '', identity: `s${shard}/counts`, type: 'folder' } });
  }
  return made;
}

interface Rewarded {
  metrics: Record<string, number | null>;
  warnings: string[];
  /** Name -> digest. */
  files: Record<string, string>;
}

async function rewarded(given: Inputs, shards: number, made?: Record<string, KindInput>[]): Promise<Rewarded> {
  const inputs = { ...defaultsOf('rl.reward'), rollouts, ...given };
  const context = await contextOf(inputs);
  const metrics = await reward({ ...context, shards: shards === 1 ? null : (made ?? (await counted(inputs, shards))) });
  const dir = context.outputs['rollouts'] ?? '';
  const digest = (name: string): string =>
    createHash('sha256')
      .update(readFileSync(join(dir, name)))
      .digest('hex');
  const files = Object.fromEntries(
    readdirSync(dir)
      .sort()
      .map((name) => [name, digest(name)]),
  );
  return { metrics, warnings: context.warnings, files };
}

/** Rollouts whose queries have several positives. */
async function severalPositives(): Promise<LocalArtifact> {
  const other = await smallRollouts(join(root, 'several'), data, 'step1/model');
  const path = join(other.path, 'queries.jsonl');
  const text = readFileSync(path, 'utf8').replace('["d12"]', '["d12","d20","d59"]').replace('["d15"]', '["d15","d7"]');
  writeFileSync(path, text);
  return { ...other, identity: 'several/rollouts' };
}

/** The data set with grades of those positives. */
function gradedDataset(): LocalArtifact {
  const { artifact } = smallDataset(join(root, 'graded'));
  const more = { q12: ['d20', 'd59'], q15: ['d7'] };
  const lines = Object.entries(more).flatMap(([query, rows]) =>
    rows.map((document, i) => `${JSON.stringify({ query, document, grade: i + 2 })}\n`),
  );
  appendFileSync(join(artifact.path, 'qrels.jsonl'), lines.join(''));
  return artifact;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-ranks-'));
  data = smallDataset(root);
  rollouts = await smallRollouts(root, data, 'step1/model');
  [plain, odd] = [await built('plain'), await built('odd', oddEngine)];
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('rewards from shards of the ranks', () => {
  const adaptive = { policy: 'adaptive', budget: { fraction: 0.4 }, target: 0.999, ranks: 'estimated' };
  const cases: [string, () => Promise<Inputs>][] = [
    ['of the best positive', () => Promise.resolve({ index: plain })],
    ['among ties and rows that are no numbers', () => Promise.resolve({ index: odd, reward: 'rr' })],
    ['of all positives', async () => ({ index: odd, rollouts: await severalPositives(), reward: 'ndcg', k: 60 })],
    [
      'of all positives, by grade',
      async () => ({ index: odd, rollouts: await severalPositives(), gain: 'linear', data: gradedDataset() }),
    ],
    ['of several positives, the best', async () => ({ index: odd, rollouts: await severalPositives() })],
    ['relative to no reasoning', () => Promise.resolve({ index: plain, scale: 'relative' })],
    [
      'among stale rows that are moved',
      async () => ({
        index: await refreshed('moved', { policy: 'oldest', budget: { fraction: 0.3 }, probe: 0.5, correct: 'ridge' }),
      }),
    ],
    ['as estimated', async () => ({ index: await refreshed('estimated', adaptive) })],
  ];

  it.each(cases)('have the bytes of those in one piece: ranks %s', async (_, inputsOf) => {
    const inputs = await inputsOf();
    const one = await rewarded(inputs, 1);
    expect(one.files['rewards.jsonl']).toMatch(/^[0-9a-f]{64}$/);
    for (const shards of [2, 3, 11]) expect(await rewarded(inputs, shards)).toEqual(one);
  });

  it('are refused where no estimate is of all positives, by the shard already', async () => {
    const inputs = { ...defaultsOf('rl.reward'), rollouts, index: await refreshed('estimates', adaptive) };
    await expect(counted({ ...inputs, reward: 'ndcg' }, 2)).rejects.toThrow(/Use `reward: dcg` with the same `k`/);
  });

  it('are not made of other shards than theirs', async () => {
    const inputs = { ...defaultsOf('rl.reward'), rollouts };
    const [own, others] = [await counted({ ...inputs, index: plain }, 2), await counted({ ...inputs, index: odd }, 2)];
    const [first = {}, second = {}] = own;
    const of = (made: Record<string, KindInput>[]) => rewarded({ index: plain }, 2, made);
    await expect(of([first])).rejects.toThrow('shard 1 of 2 stands in place of 1 of 1');
    await expect(of([second, first])).rejects.toThrow('shard 2 of 2 stands in place of 1 of 2');
    await expect(of([first, others[1] ?? {}])).rejects.toThrow('shard 2 has counted for other queries than these 39');
    rmSync(join((second['counts'] as LocalArtifact).path, 'counts.json'));
    await expect(of(own)).rejects.toMatchObject({ failureClass: 'data' });
  });
});

// What index.refresh leaves beside the rows, and what rl.reward makes of it: a correction of stale rows, and estimated ranks.
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as refresh } from '../../../activities/kinds/index-refresh.js';
import { run as reward } from '../../../activities/kinds/rl-reward.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import { countNotBelow } from '../../../retrieval/exact-search.js';
import { rewardRanks } from '../../../retrieval/ranks.js';
import { loadIndex, readIndexManifest, type LoadedIndex } from '../../../retrieval/read-index.js';
import { readRollouts, validSamples } from '../../../retrieval/rollouts.js';
import { servedIndex } from '../../../retrieval/served.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { cosine, indexFromVectors, vectorOf, type VectorIndex } from '../../../retrieval/vector-index.js';
import { stepKinds } from '../../../schemas/generated/kinds.js';
import { randomUnitVectors } from '../../retrieval/random-vectors.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { dimension, embed, fakeContext, readLines, type FakeContext } from './word-model.js';

let root: string;
let data: SmallDataset;
let first: LocalArtifact;
let rollouts: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];
const size = 200;
const model = 'step1/model';

/** What the declaration gives where a pipeline says nothing. */
const defaultsOf = (kind: string): Record<string, KindInput> =>
  Object.fromEntries(
    Object.entries(stepKinds[kind]?.inputs ?? {}).flatMap(([name, input]) =>
      'default' in input ? [[name, input.default as KindInput]] : [],
    ),
  );

type Engine = NonNullable<Parameters<typeof fakeContext>[1]>['engine'];

async function contextOf(inputs: Record<string, KindInput>, engine?: Engine): Promise<FakeContext> {
  const made = await fakeContext(inputs, engine === undefined ? {} : { engine });
  cleanUp.push(() => made.remove());
  return made;
}

interface Made {
  artifact: LocalArtifact;
  metrics: Record<string, number | null>;
  loaded: LoadedIndex;
}

async function refreshed(inputs: Record<string, KindInput>, index = first, engine?: Engine): Promise<Made> {
  const common = { index, rollouts, model: smallModel(root, model), batch: 8 };
  const context = await contextOf({ ...defaultsOf('index.refresh'), ...common, ...inputs }, engine);
  const metrics = await refresh(context);
  const path = context.outputs['index'] ?? '';
  const loaded = await loadIndex(path, await readIndexManifest(path));
  return { artifact: { path, identity: path, type: 'index' }, metrics, loaded };
}

interface Scored {
  metrics: Record<string, number | null>;
  ranks: (number | null)[];
  warnings: string[];
}

async function scored(index: LocalArtifact, inputs: Record<string, KindInput> = {}): Promise<Scored> {
  const context = await contextOf({ ...defaultsOf('rl.reward'), rollouts, index, ...inputs });
  const metrics = await reward(context);
  const lines = readLines(join(context.outputs['rollouts'] ?? '', 'rewards.jsonl')) as { rank: number | null }[];
  return { metrics, ranks: lines.map(({ rank }) => rank), warnings: context.warnings };
}

/** Ranks of the valid samples, searched here. */
async function ranksIn(index: VectorIndex, { corpus }: LoadedIndex): Promise<number[]> {
  const { embeddings: queries, positives } = validSamples(await readRollouts(rollouts.path, corpus));
  const twins = (row: number): number[] => (row === 0 ? [size - 1] : row === size - 1 ? [0] : []);
  return [...(await rewardRanks({ index, queries, positives, duplicatesOf: twins }, countNotBelow))];
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-served-'));
  data = smallDataset(root, size);
  const context = await contextOf({ model: smallModel(root, 'sft/model'), data: data.artifact, ...buildDefaults });
  await build(context);
  first = { path: context.outputs['index'] ?? '', identity: 'first/index', type: 'index' };
  rollouts = await smallRollouts(root, data, model);
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

const part = { policy: 'oldest', budget: { fraction: 0.3 }, probe: 0.5, lambda: 1, compact: 10 };

describe.each(['ridge', 'orthogonal'])('a refresh with `correct: %s`', (correct) => {
  let plain: Made;
  let moved: Made;
  beforeAll(async () => {
    plain = await refreshed({ ...part, fidelity: true });
    moved = await refreshed({ ...part, correct, fidelity: true });
  });

  it('stores the rows that encoders made, and the map beside them', () => {
    const { correction, ...rest } = moved.loaded.manifest;
    expect(rest).toEqual(plain.loaded.manifest);
    expect(moved.loaded.index).toEqual(plain.loaded.index);
    expect(correction).toMatchObject({ by: correct, strengths: [{ encoder: 0, strength: 1 }] });
    expect(moved.metrics).toMatchObject({ encoded: 60, corrected: 140, lag_mean: plain.metrics['lag_mean'] as number });
    expect(plain.metrics).toMatchObject({ corrected: null, correction_before: null, correction_after: null });
  });

  it('brings stale rows nearer to what they are now, by about as much as the probe said', async () => {
    const served = await servedIndex(moved.artifact.path, moved.loaded);
    const [stored, now] = [plain.loaded.index, (row: number) => embed(data.documents[row]?.text ?? '', model)];
    const stale = [...Array(size).keys()].filter((row) => stored.shards[0]?.encoders[row] === 0);
    expect(stale).toHaveLength(140);
    const apart = (index: VectorIndex): number =>
      stale.reduce((sum, row) => sum + 1 - cosine(vectorOf(index, row), now(row)), 0) / stale.length;
    const { correction_before: before, correction_after: after } = moved.metrics;
    expect(apart(stored) / (before as number)).toBeCloseTo(1, 0);
    expect(apart(served) / (after as number)).toBeCloseTo(1, 0);
    expect(apart(served)).toBeLessThan(0.6 * apart(stored));
    for (const metric of ['drift_full', 'rank_shift'])
      expect(moved.metrics[metric]).toBeLessThan(plain.metrics[metric] as number);
  });

  it('is what rl.reward ranks in, and its rows still count as stale', async () => {
    const { ranks, metrics } = await scored(moved.artifact);
    const served = await servedIndex(moved.artifact.path, moved.loaded);
    expect(ranks.slice(1)).toEqual(await ranksIn(served, moved.loaded));
    expect(ranks.slice(1)).not.toEqual(await ranksIn(moved.loaded.index, moved.loaded));
    expect(metrics).toMatchObject({ stale_fraction: 0.7, estimated_fraction: 0 });
  });

  it('leaves the next refresh to what is stored: the same choice and the same bytes', async () => {
    const more = { ...part, model: smallModel(root, 'step2/model'), correct };
    const [a, b] = [await refreshed(more, moved.artifact), await refreshed(more, plain.artifact)];
    expect(a.loaded.manifest).toEqual(b.loaded.manifest);
    expect(a.metrics).toEqual(b.metrics);
    // Ages 1 and 2, by the mean age of the rows that were encoded.
    const [one = 0, two = 0] = a.loaded.manifest.correction?.strengths.map(({ strength }) => strength) ?? [];
    expect(one / two).toBeCloseTo(2);
  });
});

describe('a correction that is not better', () => {
  it('is not used, and the step says so', async () => {
    // Every document goes its own way.
    const anywhere: Engine = ({ inputs }) => {
      const { length } = JSON.parse(readFileSync(inputs['rows'] as string, 'utf8')) as number[];
      writeFileSync(inputs['out'] as string, new Uint8Array(randomUnitVectors(length, dimension, 1).buffer));
    };
    const { metrics, loaded } = await refreshed({ ...part, correct: 'ridge' }, first, anywhere);
    expect(metrics['correction_before']).toBeGreaterThan(0.8);
    expect(metrics['correction_after']).toBeGreaterThan(0.8);
    expect(metrics['corrected']).toBe(0);
    expect(loaded.manifest.correction).toBeUndefined();
    const few = await refreshed({ ...part, budget: { docs: 4 }, correct: 'ridge' });
    expect(few.metrics).toMatchObject({ corrected: 0, correction_before: null, correction_after: null });
  });
});

describe('adaptive', () => {
  const adaptive = { policy: 'adaptive', budget: { fraction: 0.4 }, probe: 0.2, target: 0.999, compact: 10 };

  it.each(['none', 'ridge'])('has rl.reward use estimates where asked for, with `correct: %s`', async (correct) => {
    const { artifact, metrics, loaded } = await refreshed({ ...adaptive, correct, ranks: 'estimated', fidelity: true });
    expect(metrics).toMatchObject({ rounds: 5, encoded: 80 });
    const { ranks, metrics: figures } = await scored(artifact);
    expect(figures['estimated_fraction']).toBe(1);
    expect(ranks[0]).toBeNull();
    expect(ranks.slice(1).every((rank) => Number.isInteger(rank) && (rank ?? 0) >= 1 && (rank ?? 0) <= size)).toBe(
      true,
    );
    const texts = data.documents.map(({ text }) => [...embed(text, model)]);
    const full = await ranksIn(indexFromVectors(Float32Array.from(texts.flat()), dimension), loaded);
    const shift = full.reduce((sum, rank, i) => sum + Math.abs(rank - (ranks[i + 1] as number)), 0) / full.length;
    expect(metrics['rank_shift']).toBeCloseTo(shift, 6);
  });

  it('has it use the ranks in the index otherwise: those that the bound is for', async () => {
    const { artifact, loaded } = await refreshed({ ...adaptive, correct: 'ridge' });
    const { ranks, metrics } = await scored(artifact);
    expect(metrics['estimated_fraction']).toBe(0);
    expect(ranks.slice(1)).toEqual(await ranksIn(await servedIndex(artifact.path, loaded), loaded));
  });

  it('does not give estimates to other rollouts, nor of several positives', async () => {
    const { artifact } = await refreshed({ ...adaptive, ranks: 'estimated' });
    const others = await scored(artifact, { rollouts: { ...rollouts, identity: 'others/rollouts' } });
    expect(others.metrics['estimated_fraction']).toBe(0);
    expect(others.warnings.join()).toMatch(/estimated ranks of other rollouts/);
    await expect(scored(artifact, { reward: 'ndcg' })).rejects.toThrow(/Use `reward: dcg` with the same `k`/);
    const graded = { gain: 'linear', data: data.artifact };
    await expect(scored(artifact, graded)).rejects.toThrow(/Use `reward: dcg` with the same `k` and `gain: binary`/);
    const small = await refreshed({ ...adaptive, ranks: 'estimated', budget: { docs: 4 } });
    expect((await scored(small.artifact)).metrics['estimated_fraction']).toBe(0);
    indexCache().clear();
  });
});

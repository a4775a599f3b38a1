// index.build and index.refresh over one another: what is written, shared, measured and read back.
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as refresh } from '../../../activities/kinds/index-refresh.js';
import { fromHalf, toHalf } from '../../../retrieval/half.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import { loadIndex, readIndexManifest, type LoadedIndex } from '../../../retrieval/read-index.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { cosine, encoderOf, vectorOf } from '../../../retrieval/vector-index.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { dimension, embed, fakeContext } from './word-model.js';

let root: string;
let data: SmallDataset;
let first: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

const defaults = {
  policy: 'neighbourhood',
  budget: { fraction: 0.2 },
  top: 2,
  ring: 3,
  probe: 0.25,
  share: 0.5,
  target: 0.95,
  confidence: 0.95,
  ...{ ranks: 'served', correct: 'none', lambda: 1 },
  compact: 0.5,
  fidelity: false,
  batch: 8,
};
let identities = 0;

async function buildIndex(inputs: Record<string, KindInput> = {}): Promise<LocalArtifact> {
  const context = await fakeContext({
    model: smallModel(root, 'sft/model'),
    data: data.artifact,
    ...buildDefaults,
    ...inputs,
  });
  cleanUp.push(() => context.remove());
  expect(await build(context)).toEqual({ rows: 60, dimension });
  return { path: context.outputs['index'] ?? '', identity: `i${identities++}/index`, type: 'index' };
}

async function refreshed(
  index: LocalArtifact,
  model: string,
  inputs: Record<string, KindInput> = {},
): Promise<{ artifact: LocalArtifact; metrics: Record<string, number | null>; encoded: number[] }> {
  const rollouts = await smallRollouts(root, data, model);
  const context = await fakeContext({ ...defaults, index, model: smallModel(root, model), rollouts, ...inputs });
  cleanUp.push(() => context.remove());
  const metrics = await refresh(context);
  const rows = context.calls.find((call) => call.inputs['rows'] !== null)?.inputs['rows'];
  const encoded =
    typeof rows === 'string' && context.calls.length > 0 ? (JSON.parse(readFileSync(rows, 'utf8')) as number[]) : [];
  return {
    artifact: { path: context.outputs['index'] ?? '', identity: `i${identities++}/index`, type: 'index' },
    metrics,
    encoded,
  };
}

const load = async (artifact: LocalArtifact): Promise<LoadedIndex> =>
  loadIndex(artifact.path, await readIndexManifest(artifact.path));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-refresh-'));
  data = smallDataset(root);
  first = await buildIndex();
});
beforeEach(() => {
  indexCache().clear();
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

describe('index.build', () => {
  it('writes one base that loads to the vectors of every document, and shares corpus.jsonl', async () => {
    const { index, manifest, corpus } = await load(first);
    expect(manifest).toMatchObject({ version: 0, rows: 60, encoders: [{ id: 0, model: 'sft/model', version: 0 }] });
    expect(corpus.ids[59]).toBe('d59');
    data.documents.forEach(({ text }, row) => {
      expect([...vectorOf(index, row)]).toEqual([...embed(text, 'sft/model')]);
    });
    expect(statSync(join(first.path, 'corpus.jsonl')).ino).toBe(statSync(join(data.artifact.path, 'corpus.jsonl')).ino);
  });

  it('gives equal bytes under equal names when it is run again', async () => {
    expect(readdirSync((await buildIndex()).path)).toEqual(readdirSync(first.path));
  });
});

describe('an index in shards of half precision', () => {
  it('is encoded shard by shard, and a refresh writes a delta to each shard that has rows of it', async () => {
    const cut = await buildIndex({ dtype: 'float16', shard_rows: 25 });
    const half = (text: string, model: string): number[] => [...fromHalf(toHalf(embed(text, model)))];
    const { index, manifest } = await load(cut);
    expect(manifest.dtype).toBe('float16');
    expect(manifest.shards.map((shard) => shard.rows)).toEqual([25, 25, 10]);
    const next = await refreshed(cut, 'step1/model');
    const after = await load(next.artifact);
    expect(next.encoded).toEqual((await refreshed(first, 'step1/model')).encoded);
    const isIn = (first: number, rows: number): boolean =>
      next.encoded.some((row) => row >= first && row < first + rows);
    for (const shard of after.manifest.shards) expect(shard.deltas.length).toBe(isIn(shard.first, shard.rows) ? 1 : 0);
    data.documents.forEach(({ text }, row) => {
      expect([...vectorOf(index, row)]).toEqual(half(text, 'sft/model'));
      const model = next.encoded.includes(row) ? 'step1/model' : 'sft/model';
      expect([...vectorOf(after.index, row)]).toEqual(half(text, model));
    });
    const whole = await refreshed(cut, 'step1/model', { policy: 'full', fidelity: true });
    expect(whole.metrics).toMatchObject({ recall_at_10: 1, reward_gap: 0, rank_shift: 0 });
  });
});

describe('index.refresh', () => {
  it('re-encodes nothing while the model is the one that made the index', async () => {
    const { metrics, artifact } = await refreshed(first, 'sft/model');
    expect(metrics).toMatchObject({ encoded: 0, drift: 0, lag_mean: 0, never_refreshed: 0 });
    expect((await readIndexManifest(artifact.path)).version).toBe(1);
  });

  it('re-encodes the golds within the budget, as a delta beside the shared base', async () => {
    const { metrics, artifact, encoded } = await refreshed(first, 'step1/model');
    expect(encoded.length).toBe(12);
    expect(encoded).toEqual(expect.arrayContaining([10, 11, 12, 13, 14, 15, 16, 17, 18]));
    expect(metrics).toMatchObject({ encoded: 12, probe_documents: 3, fidelity_documents: 0, recall_at_10: null });
    const { index, manifest } = await load(artifact);
    const base = manifest.shards[0]?.base ?? '';
    expect(statSync(join(artifact.path, base)).ino).toBe(statSync(join(first.path, base)).ino);
    data.documents.forEach(({ text }, row) => {
      expect([...vectorOf(index, row)]).toEqual([...embed(text, encoded.includes(row) ? 'step1/model' : 'sft/model')]);
      expect(encoderOf(index, row)).toBe(encoded.includes(row) ? 1 : 0);
    });
    expect(metrics['lag_mean']).toBeCloseTo(48 / 60);
    expect(metrics['never_refreshed']).toBeCloseTo(48 / 60);
  });

  it('measures the drift on the probe, between what the rows were and what they became', async () => {
    const { metrics, encoded } = await refreshed(first, 'step1/model', { probe: 1 });
    const expected = encoded.map(
      (row) =>
        1 -
        cosine(
          embed(data.documents[row]?.text ?? '', 'sft/model'),
          embed(data.documents[row]?.text ?? '', 'step1/model'),
        ),
    );
    expect(metrics['drift']).toBeCloseTo(expected.reduce((sum, x) => sum + x, 0) / expected.length, 6);
    expect(metrics['drift']).toBeGreaterThan(0.005);
  });

  it('chooses the same rows again for the same seed', async () => {
    expect((await refreshed(first, 'step1/model')).encoded).toEqual((await refreshed(first, 'step1/model')).encoded);
  });

  it('encodes every stale row under `full` and none under `none`', async () => {
    const all = await refreshed(first, 'step1/model', { policy: 'full', compact: 10 });
    expect(all.metrics).toMatchObject({ encoded: 60, lag_mean: 0, never_refreshed: 0 });
    const nothing = await refreshed(all.artifact, 'step2/model', { policy: 'none' });
    expect(nothing.metrics).toMatchObject({ encoded: 0, drift: null, lag_mean: 1 });
  });

  it('gives the same index from a warm cache, step by step, as from a cold one', async () => {
    let warm = first;
    const seen: number[][] = [];
    for (const model of ['step1/model', 'step2/model', 'step3/model']) {
      const next = await refreshed(warm, model, { compact: 10 });
      seen.push(next.encoded);
      warm = next.artifact;
    }
    expect(indexCache().identities().length).toBe(1);
    let cold = first;
    for (const [i, model] of ['step1/model', 'step2/model', 'step3/model'].entries()) {
      indexCache().clear();
      const next = await refreshed(cold, model, { compact: 10 });
      expect(next.encoded).toEqual(seen[i]);
      cold = next.artifact;
    }
    expect(readdirSync(cold.path)).toEqual(readdirSync(warm.path));
    const reloaded = await load(cold);
    await indexCache().withIndex(warm, ({ index, manifest }) => {
      expect(manifest).toEqual(reloaded.manifest);
      expect(index.shards).toEqual(reloaded.index.shards);
      return Promise.resolve();
    });
  });

  it('rewrites the base when the deltas hold more than the share, to the same vectors', async () => {
    const one = await refreshed(first, 'step1/model');
    const loose = await refreshed(one.artifact, 'step2/model', { compact: 10 });
    const compacted = await refreshed(one.artifact, 'step2/model', { compact: 0.3 });
    const { index, manifest } = await load(compacted.artifact);
    const other = await load(loose.artifact);
    expect(manifest.shards[0]?.deltas).toEqual([]);
    expect(other.manifest.shards[0]?.deltas.length).toBe(2);
    expect(index.shards[0]?.vectors).toEqual(other.index.shards[0]?.vectors);
    expect(index.shards[0]?.encoders).toEqual(other.index.shards[0]?.encoders);
  });

  it('finds no infidelity when everything was re-encoded, and some when little was', async () => {
    const whole = await refreshed(first, 'step1/model', { policy: 'full', fidelity: true });
    expect(whole.metrics).toMatchObject({ recall_at_10: 1, reward_gap: 0, rank_shift: 0, fidelity_documents: 60 });
    const part = await refreshed(first, 'step1/model', { fidelity: true, budget: { docs: 3 } });
    expect(part.metrics['recall_at_10']).toBeLessThan(1);
    expect(part.metrics['rank_shift']).toBeGreaterThan(0);
  });

  it('draws in rounds under `adaptive`, and says how well the order of the ranks is known', async () => {
    const adaptive = { policy: 'adaptive', budget: { fraction: 1 }, target: 0.999 };
    const { metrics, encoded, artifact } = await refreshed(first, 'step1/model', adaptive);
    expect(metrics).toMatchObject({ agreement_lower: 1, target_met: 1, rounds: 5, encoded: 60 });
    // Asked for in a first part, golds and probe, and one a round.
    expect(encoded.length).toBeLessThan(60);
    const { index } = await load(artifact);
    data.documents.forEach(({ text }, row) => {
      expect([...vectorOf(index, row)]).toEqual([...embed(text, 'step1/model')]);
    });
    const small = await refreshed(first, 'step1/model', { ...adaptive, budget: { docs: 4 } });
    expect(small.metrics).toMatchObject({ agreement_lower: 0, target_met: 0, rounds: 0, encoded: 4 });
  });

  it('keeps an index frozen that holds rows of one encoder only', async () => {
    const mixed = (await refreshed(first, 'step1/model')).artifact;
    await expect(refreshed(mixed, 'm/model', { policy: 'frozen' })).rejects.toThrow(/holds rows of 2/);
    expect((await refreshed(first, 'm/model', { policy: 'frozen' })).metrics).toMatchObject({
      encoded: 0,
      drift: null,
    });
  });

  it('says what to give when the budget is wrong or the model has another shape', async () => {
    await expect(refreshed(first, 'm/model', { budget: { share: 1 } })).rejects.toThrow(/write \{fraction: 0.05\}/);
    await expect(refreshed(first, 'm/model', { model: smallModel(root, 'wide/model', 32) })).rejects.toThrow(
      /32 dimensions, the index holds 16/,
    );
  });
});

// rl.update: what it hands to the trainer; the update itself is tested in tests/trainer.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as build } from '../../../activities/kinds/index-build.js';
import { run as update } from '../../../activities/kinds/rl-update.js';
import { indexCache } from '../../../retrieval/index-cache.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { buildDefaults, smallDataset, smallModel, smallRollouts, type SmallDataset } from './small-dataset.js';
import { dimension, embed, fakeContext, readLines, writeLines, type FakeContext } from './word-model.js';

let root: string;
let data: SmallDataset;
let index: LocalArtifact;
let rollouts: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

async function updated(inputs: Record<string, KindInput>): Promise<FakeContext> {
  const given = { rollouts, index: null, auxiliary_documents: 'encoded', auxiliary_weight: 1, ...inputs };
  const context = await fakeContext(given, { engine: () => undefined });
  cleanUp.push(() => context.remove());
  await update(context);
  return context;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-update-'));
  data = smallDataset(root);
  const model = smallModel(root, 'sft/model');
  const context = await fakeContext({ ...buildDefaults, model, data: data.artifact });
  cleanUp.push(() => context.remove());
  await build(context);
  index = { path: context.outputs['index'] ?? '', identity: 'built/index', type: 'index' };
  rollouts = await smallRollouts(root, data, 'sft/model');
});
afterAll(async () => {
  indexCache().clear();
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true, force: true });
});

it('is the operation of the trainer, with the inputs as they are', async () => {
  const context = await updated({ lr: 0.25, index });
  const inputs = { rollouts, index, auxiliary_documents: 'encoded', auxiliary_weight: 1, lr: 0.25, documents: null };
  expect(context.calls).toEqual([{ op: 'update', inputs, seed: 7 }]);
});

it('takes the embeddings of all positives out of the index, those of replayed pairs included', async () => {
  const context = await updated({ index, auxiliary_documents: 'index' });
  const folder = context.calls[0]?.inputs['documents'] as string;
  const ids = readLines(join(folder, 'ids.jsonl')) as { document: string }[];
  expect(ids.map(({ document }) => document)).toEqual([...Array.from({ length: 10 }, (_, i) => `d${i + 10}`), 'd0']);
  const vectors = new Float32Array(Uint8Array.from(readFileSync(join(folder, 'vectors.f32'))).buffer);
  ids.forEach(({ document }, row) => {
    const text = data.documents.find(({ _id }) => _id === document)?.text ?? '';
    expect(vectors.slice(row * dimension, (row + 1) * dimension)).toEqual(embed(text, 'sft/model'));
  });
});

it('reads no index where the auxiliary loss has no weight', async () => {
  const context = await updated({ index, auxiliary_documents: 'index', auxiliary_weight: 0 });
  expect(context.calls[0]?.inputs['documents']).toBe(null);
  expect(existsSync(join(context.workDir, 'documents'))).toBe(false);
});

it('names the query whose positive is not in the index', async () => {
  const folder = join(root, 'strange');
  const strange = await smallRollouts(folder, data, 'sft/model');
  const path = join(strange.path, 'queries.jsonl');
  writeLines(path, [
    ...(readLines(path) as object[]),
    { query: 'q', text: '', role: 'replay', positives: ['elsewhere'] },
  ]);
  await expect(updated({ index, auxiliary_documents: 'index', rollouts: strange })).rejects.toThrow(
    /queries\.jsonl:12.*"elsewhere" is not in the index; rollouts and index must come from the same dataset/s,
  );
});

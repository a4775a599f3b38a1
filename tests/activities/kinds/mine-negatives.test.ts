// data.mine-negatives: near documents that are no answer, by a model or BM25, against a plain loop.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as mine } from '../../../activities/kinds/data-mine-negatives.js';
import { run as buildIndex } from '../../../activities/kinds/index-build.js';
import { retrievalThreads } from '../../../retrieval/thread-pool.js';
import { dot } from '../../../retrieval/vector-index.js';
import * as validators from '../../../schemas/generated/validators.js';
import { smallDataset, smallModel, type SmallDataset } from './small-dataset.js';
import { embed, fakeContext, readLines, writeLines, type FakeContext } from './word-model.js';

type Line = { query: string; negatives: string[] };

let root: string;
let data: SmallDataset;
let model: LocalArtifact;
const cleanUp: (() => Promise<void>)[] = [];

async function mined(
  inputs: Record<string, KindInput>,
  seed = 7,
): Promise<{ lines: Line[]; metrics: Record<string, number | null>; manifest: object; context: FakeContext }> {
  const context = await fakeContext(
    {
      ...{ data: data.artifact, split: 'test', by: 'model', number: 3, range_min: 1, range_max: 20, batch: 8 },
      ...{ absolute_margin: null, relative_margin: null, sampling: 'top', bm25_k1: 1.2, bm25_b: 0.75 },
      ...inputs,
    },
    { seed },
  );
  cleanUp.push(() => context.remove());
  const metrics = await mine(context);
  const out = context.outputs['dataset'] ?? '';
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as object;
  expect(validators.dataset(manifest)).toBe(true);
  expect(readLines(join(out, 'corpus.jsonl'))).toHaveLength(60);
  return { lines: readLines(join(out, 'negatives.jsonl')) as Line[], metrics, manifest, context };
}

/** Documents of query `q` by score, its answer and the copy of it left out. */
function ranked(q: number): { id: string; score: number }[] {
  const query = embed(data.queries[q]?.text ?? '', 'sft/model');
  return data.documents
    .map(({ _id, text }) => ({ id: _id, score: dot(query, embed(text, 'sft/model')) }))
    .filter(({ id }) => id !== `d${q}` && !(q === 0 && id === 'd59'))
    .sort((a, b) => b.score - a.score);
}

const ownScore = (q: number): number =>
  dot(embed(data.queries[q]?.text ?? '', 'sft/model'), embed(data.documents[q]?.text ?? '', 'sft/model'));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-mine-'));
  data = smallDataset(root);
  const manifest = {
    schema: 1,
    name: 'small',
    corpus: 60,
    queries: {},
    judgements: 20,
    reasoning: 0,
    pairs: 0,
    notes: {},
  };
  writeLines(join(data.artifact.path, 'manifest.json'), [manifest]);
  model = smallModel(root, 'sft/model');
});
afterAll(async () => {
  await retrievalThreads().close();
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true });
});

describe('data.mine-negatives', () => {
  it('takes the best documents of the range that are no answer and no copy of one', async () => {
    const { lines, metrics, manifest } = await mined({ model, range_min: 2 });
    expect(lines).toHaveLength(10);
    for (const [q, { query, negatives }] of lines.entries()) {
      expect(query).toBe(`q${q}`);
      const copies = ['d0', 'd59'];
      const expected = ranked(q)
        .slice(1, 5)
        .map(({ id }) => id);
      // d0 and d59 have one text: at most one of them is taken.
      if (!expected.some((id) => copies.includes(id))) expect(negatives).toEqual(expected.slice(0, 3));
      else expect(negatives.filter((id) => copies.includes(id)).length).toBeLessThan(2);
    }
    expect(metrics).toMatchObject({ queries: 10, negatives: 30, short: 0, too_near: 0 });
    expect(manifest).toMatchObject({ negatives: 10, notes: { mined: { test: { negatives: 30 } } } });
  });

  it('leaves out what scores too near to the answer, by either margin', async () => {
    const absolute = await mined({ model, absolute_margin: 0.3 });
    const relative = await mined({ model, relative_margin: 0.5 });
    expect(absolute.metrics['too_near']).toBeGreaterThan(0);
    const score = (q: number, id: string): number => ranked(q).find((one) => one.id === id)?.score ?? NaN;
    for (const { query, negatives } of absolute.lines)
      for (const id of negatives) {
        const q = Number(query.slice(1));
        expect(score(q, id)).toBeLessThanOrEqual(ownScore(q) - 0.3 + 1e-6);
      }
    for (const { query, negatives } of relative.lines)
      for (const id of negatives) {
        const q = Number(query.slice(1));
        expect(score(q, id)).toBeLessThanOrEqual(ownScore(q) * 0.5 + 1e-6);
      }
    expect(relative.lines).not.toEqual(absolute.lines);
  });

  it('takes the same from an index of the corpus as without one, and refuses that of another', async () => {
    const build = await fakeContext({ model, data: data.artifact, batch: 8, dtype: 'float32', shard_rows: 0 });
    cleanUp.push(() => build.remove());
    await buildIndex(build);
    const index: LocalArtifact = { path: build.outputs['index'] ?? '', identity: 'index/index', type: 'index' };
    const given = await mined({ model, index });
    expect(given.lines).toEqual((await mined({ model })).lines);
    expect(given.context.calls).toHaveLength(1);
    const other = smallDataset(join(root, 'other'), 50).artifact;
    await expect(mined({ model, index, data: other })).rejects.toThrow(/The index is of another corpus/);
  });

  it('draws at random from the range by its seed', async () => {
    const one = await mined({ model, sampling: 'random' }, 1);
    expect((await mined({ model, sampling: 'random' }, 1)).lines).toEqual(one.lines);
    expect((await mined({ model, sampling: 'random' }, 2)).lines).not.toEqual(one.lines);
  });

  it('mines by BM25 without a model, keeps what other splits have, and needs no margin to a score', async () => {
    const { lines, context } = await mined({ by: 'bm25' });
    expect(context.calls).toEqual([]);
    const words = new Set(data.queries[0]?.text.split(' '));
    for (const id of lines[0]?.negatives ?? [])
      expect(data.documents[Number(id.slice(1))]?.text.split(' ').some((word) => words.has(word))).toBe(true);
    const copy = { ...data.artifact, path: context.outputs['dataset'] ?? '' };
    const both = await mined({ by: 'bm25', data: copy, split: 'rl' });
    expect(both.lines.slice(0, lines.length)).toEqual(lines);
    expect(both.lines).toHaveLength(20);
  });

  it.each<[string, Record<string, KindInput>, RegExp]>([
    ['a split without queries', { by: 'bm25', split: 'dev' }, /The split `dev` has no query/],
  ])('refuses %s', async (_, inputs, message) => {
    await expect(mined(inputs)).rejects.toThrow(message);
  });
});

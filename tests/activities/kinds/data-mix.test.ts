// data.mix: what becomes of ids, texts, prompts and weights of several data sets.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KindInput, LocalArtifact } from '../../../activities/kind.js';
import { run as mix } from '../../../activities/kinds/data-mix.js';
import { readCorpus } from '../../../retrieval/corpus.js';
import { readSplit } from '../../../retrieval/dataset.js';
import type { DatasetManifest } from '../../../schemas/generated/dataset.js';
import * as validators from '../../../schemas/generated/validators.js';
import { fakeContext, readLines, writeLines } from './word-model.js';

let root: string;
let sets: Record<string, LocalArtifact>;
const cleanUp: (() => Promise<void>)[] = [];

function dataset(name: string, files: Record<string, unknown[]>, queries: Record<string, number>): LocalArtifact {
  const path = join(root, name);
  mkdirSync(path, { recursive: true });
  const manifest = {
    schema: 1,
    name,
    corpus: files['corpus']?.length,
    queries,
    judgements: 2,
    reasoning: 0,
    pairs: 0,
    notes: {},
  };
  writeLines(join(path, 'manifest.json'), [manifest]);
  for (const [file, rows] of Object.entries(files)) writeLines(join(path, `${file}.jsonl`), rows);
  return { path, identity: `${name}/dataset`, type: 'dataset' };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-mix-'));
  const code = {
    corpus: [
      { _id: 'd1', text: 'opens doors' },
      { _id: 'd2', text: 'turns wheels' },
    ],
    queries: [
      { _id: 'q1', text: 'doors', split: 'sft' },
      { _id: 'c2', text: 'wheels', split: 'test' },
    ],
    qrels: [
      { query: 'q1', document: 'd1', grade: 1 },
      { query: 'c2', document: 'd2', grade: 2 },
    ],
    reasoning: [{ query: 'q1', text: 'wood' }],
    negatives: [{ query: 'q1', negatives: ['d2'] }],
  };
  const qa = {
    corpus: [
      { _id: 'd1', text: 'a red stone', title: 'Stone' },
      { _id: 'x', text: 'turns wheels' },
    ],
    queries: [
      { _id: 'q1', text: 'stone $& {}', split: 'sft' },
      { _id: 'a2', text: 'wheels', split: 'sft' },
    ],
    qrels: [
      { query: 'q1', document: 'd1', grade: 1 },
      { query: 'a2', document: 'x', grade: 1 },
      { query: 'a2', document: 'd1', grade: 0 },
    ],
    pairs: [{ query: 'a name', document: 'x' }],
    negatives: [{ query: 'a2', negatives: ['d1', 'x'] }],
  };
  sets = { qa: dataset('qa', qa, { sft: 2 }), code: dataset('code', code, { sft: 1, test: 1 }) };
});
afterAll(async () => {
  await Promise.all(cleanUp.map((remove) => remove()));
  await rm(root, { recursive: true });
});

async function mixed(inputs: Record<string, KindInput> = {}): Promise<{
  out: string;
  metrics: Record<string, number | null>;
  manifest: DatasetManifest;
  lines: (name: string) => Record<string, unknown>[];
}> {
  const context = await fakeContext({ sets, weights: {}, prompts: {}, texts: 'merge', ...inputs });
  cleanUp.push(() => context.remove());
  const metrics = await mix(context);
  const out = context.outputs['dataset'] ?? '';
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as DatasetManifest;
  expect(validators.dataset(manifest)).toBe(true);
  const lines = (name: string): Record<string, unknown>[] =>
    readLines(join(out, `${name}.jsonl`)) as Record<string, unknown>[];
  return { out, metrics, manifest, lines };
}

describe('data.mix', () => {
  it('keeps ids apart that sets share, merges texts, and says of each query its set', async () => {
    const { lines, metrics, manifest } = await mixed();
    expect(lines('corpus')).toEqual([
      { _id: 'code:d1', text: 'opens doors' },
      { _id: 'd2', text: 'turns wheels' },
      { _id: 'qa:d1', text: 'a red stone', title: 'Stone' },
    ]);
    expect(lines('queries').map(({ _id, set, split }) => [_id, set, split])).toEqual([
      ['code:q1', 'code', 'sft'],
      ['c2', 'code', 'test'],
      ['qa:q1', 'qa', 'sft'],
      ['a2', 'qa', 'sft'],
    ]);
    expect(lines('qrels')).toContainEqual({ query: 'a2', document: 'd2', grade: 1 });
    expect(lines('reasoning')).toEqual([{ query: 'code:q1', text: 'wood' }]);
    expect(lines('pairs')).toEqual([{ query: 'a name', document: 'd2' }]);
    // `x` became d2, an answer of a2, so it is no negative of it any more; a document judged not relevant stays one.
    expect(lines('negatives')).toEqual([
      { query: 'code:q1', negatives: ['d2'] },
      { query: 'a2', negatives: ['qa:d1'] },
    ]);
    expect(metrics).toEqual({ corpus: 3, queries: 4, merged: 1, trained_and_tested: 1 });
    expect(manifest).toMatchObject({ corpus: 3, queries: { sft: 3, test: 1 }, judgements: 5, negatives: 2 });
    expect(manifest.sets).toMatchObject({ code: { weight: 1 }, qa: { weight: 2 } });
  });

  it('leaves equal texts apart when asked to', async () => {
    const { lines, metrics } = await mixed({ texts: 'keep' });
    expect(lines('corpus').map(({ _id }) => _id)).toEqual(['code:d1', 'd2', 'qa:d1', 'x']);
    expect(metrics['merged']).toBe(0);
  });

  it('writes the same bytes whatever the order of the sets', async () => {
    const one = await mixed();
    const other = await mixed({ sets: { code: sets['code'] as LocalArtifact, qa: sets['qa'] as LocalArtifact } });
    for (const name of ['corpus.jsonl', 'queries.jsonl', 'qrels.jsonl', 'manifest.json'])
      expect(readFileSync(join(other.out, name), 'utf8')).toBe(readFileSync(join(one.out, name), 'utf8'));
  });

  it('hands on weights and prompts: a model reads the query in the prompt of its set', async () => {
    const { out, manifest } = await mixed({ weights: { code: 3, qa: 0.5 }, prompts: { qa: 'Find: {}' } });
    expect(manifest.sets?.['code']).not.toHaveProperty('prompt');
    expect(manifest.sets).toMatchObject({ code: { weight: 3 }, qa: { weight: 0.5, prompt: 'Find: {}' } });
    const { queries } = await readSplit(out, 'sft', await readCorpus(join(out, 'corpus.jsonl')));
    expect(queries.map(({ text, instruction }) => [text, instruction])).toEqual([
      ['doors', null],
      ['stone $& {}', 'Find: {}'],
      ['wheels', 'Find: {}'],
    ]);
    expect(existsSync(join(out, 'reasoning.jsonl'))).toBe(true);
  });

  it.each<[string, () => Record<string, KindInput>, RegExp]>([
    ['a weight of 0', () => ({ weights: { code: 1, qa: 0 } }), /`weights` has 0 for qa; expected a number above 0/],
    [
      'a prompt with two places',
      () => ({ prompts: { qa: 'Find {} {}' } }),
      /`prompts` has "Find {} {}" for qa; expected a text that holds \{\} once/,
    ],
  ])('refuses %s', async (_, inputs, message) => {
    await expect(mixed(inputs())).rejects.toMatchObject({
      failureClass: 'config',
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses a mix of a mix', async () => {
    const { out } = await mixed();
    await expect(mixed({ sets: { a: { path: out, identity: 'mix/dataset', type: 'dataset' } } })).rejects.toThrow(
      /`a` is a mix itself, of code, qa\. Mix its parts instead/,
    );
  });
});

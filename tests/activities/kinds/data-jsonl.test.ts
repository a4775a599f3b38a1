// data.jsonl: what a BEIR folder becomes, and what is said of a malformed one.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from '../../../activities/kinds/data-jsonl.js';
import * as validators from '../../../schemas/generated/validators.js';
import { fakeContext, readLines } from './word-model.js';

const good: Record<string, string> = {
  'corpus.jsonl': '{"_id":"d1","title":"Stone","text":"a red stone"}\n{"_id":"d2","text":"a blue cloud"}\n',
  'queries.jsonl': '{"_id":"q1","text":"stone?"}\n{"_id":"q2","text":"cloud?"}\n{"_id":"q3","text":"nothing"}\n',
  'qrels/train.tsv': 'query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\n',
  'qrels/test.tsv': 'query-id\tcorpus-id\tscore\r\nq2\td2\t2\r\n',
};

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(cleanUp.splice(0).map((remove) => remove()));
});

async function read(
  files: Record<string, string | null>,
): Promise<{ out: string; metrics: Record<string, number | null>; manifest: unknown }> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-beir-'));
  cleanUp.push(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries({ ...good, ...files })) {
    if (text === null) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const context = await fakeContext({
    folder: { path: folder, digest: 'sha256:0' },
    format: 'beir',
    language: '',
    document_language: '',
  });
  cleanUp.push(() => context.remove());
  const metrics = await run(context);
  const out = context.outputs['dataset'] ?? '';
  return { out, metrics, manifest: JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) };
}

describe('data.jsonl', () => {
  it('writes a dataset with the title before the text, train as sft, and only queries that have an answer', async () => {
    const { out, metrics, manifest } = await read({});
    expect(metrics).toEqual({ corpus: 2, queries: 2 });
    expect(readLines(join(out, 'corpus.jsonl'))).toEqual([
      { _id: 'd1', text: 'Stone a red stone', title: 'Stone' },
      { _id: 'd2', text: 'a blue cloud' },
    ]);
    expect(readLines(join(out, 'queries.jsonl'))).toEqual([
      { _id: 'q1', text: 'stone?', split: 'sft' },
      { _id: 'q2', text: 'cloud?', split: 'test' },
    ]);
    expect(readLines(join(out, 'qrels.jsonl'))).toHaveLength(3);
    expect(validators.dataset(manifest)).toBe(true);
    expect(manifest).toMatchObject({ queries: { sft: 1, test: 1 }, judgements: 3, notes: { withoutJudgement: 1 } });
    expect(existsSync(join(out, 'reasoning.jsonl'))).toBe(false);
  });

  it('leaves train.tsv out when there is an sft.tsv', async () => {
    const { out } = await read({ 'qrels/sft.tsv': 'query-id\tcorpus-id\tscore\nq3\td1\t1\n' });
    expect(readLines(join(out, 'queries.jsonl'))).toMatchObject([{ _id: 'q2' }, { _id: 'q3', split: 'sft' }]);
  });

  it('takes reasoning along', async () => {
    const { out, manifest } = await read({ 'reasoning.jsonl': '{"query":"q1","text":"mineral rock"}\n' });
    expect(readLines(join(out, 'reasoning.jsonl'))).toEqual([{ query: 'q1', text: 'mineral rock' }]);
    expect(manifest).toMatchObject({ reasoning: 1 });
  });

  const header = 'query-id\tcorpus-id\tscore\n';
  it.each<[string, Record<string, string | null>, RegExp]>([
    [
      'a line that is not JSON',
      { 'corpus.jsonl': '{"_id":"d1","text":"x"}\n{"_id":"d2",\n' },
      /^corpus\.jsonl:2: this is not JSON \(.*\); expected an object with a non-empty string `_id`/,
    ],
    ['a document without text', { 'corpus.jsonl': '{"_id":"d1"}\n' }, /^corpus\.jsonl:1: `text` is missing; expected/],
    [
      'an id that is a number',
      { 'queries.jsonl': '{"_id":3,"text":"x"}\n' },
      /^queries\.jsonl:1: `_id` is 3, not a non-empty string; expected/,
    ],
    [
      'a repeated id',
      { 'corpus.jsonl': '{"_id":"d1","text":"x"}\n\n{"_id":"d1","text":"y"}\n' },
      /^corpus\.jsonl:3: "d1" is already on line 1/,
    ],
    [
      'a missing header',
      { 'qrels/test.tsv': 'q2\td2\t1\n' },
      /^qrels\/test\.tsv:1: the first line is "q2\\td2\\t1"; expected the header/,
    ],
    [
      'too few columns',
      { 'qrels/test.tsv': `${header}q2 d2 1\n` },
      /^qrels\/test\.tsv:2: 1 columns in "q2 d2 1"; expected three, divided by tabs/,
    ],
    [
      'a score that is no whole number',
      { 'qrels/test.tsv': `${header}q2\td2\thigh\n` },
      /^qrels\/test\.tsv:2: the score is "high"; expected a whole number/,
    ],
    [
      'an unknown document',
      { 'qrels/test.tsv': `${header}q2\td9\t1\n` },
      /^qrels\/test\.tsv:2: document "d9" is not in corpus\.jsonl/,
    ],
    [
      'an unknown query',
      { 'qrels/test.tsv': `${header}q9\td2\t1\n` },
      /^qrels\/test\.tsv:2: query "q9" is not in queries\.jsonl/,
    ],
    [
      'a pair judged twice',
      { 'qrels/test.tsv': `${header}q2\td2\t1\nq2\td2\t2\n` },
      /^qrels\/test\.tsv:3: "q2\\td2" is already on line 2/,
    ],
    ['a query in two splits', { 'qrels/test.tsv': `${header}q1\td2\t1\n` }, /query "q1" is also in qrels\//],
    ['an unknown split', { 'qrels/valid.tsv': header }, /^qrels\/valid\.tsv: valid is not a split; rename the file/],
    ['no queries file', { 'queries.jsonl': null }, /^queries\.jsonl: the file is missing/],
    ['no qrels', { 'qrels/test.tsv': null, 'qrels/train.tsv': null }, /^qrels\/: there is no \.tsv file/],
    [
      'no relevant document at all',
      { 'qrels/train.tsv': null, 'qrels/test.tsv': `${header}q1\td1\t0\n` },
      /no query has an answer/,
    ],
    ['a missing corpus', { 'corpus.jsonl': null }, /^corpus\.jsonl: the file is missing/],
    [
      'reasoning of nobody',
      { 'reasoning.jsonl': '{"query":"q8","text":"x"}\n' },
      /^reasoning\.jsonl:1: query "q8" is not in queries\.jsonl/,
    ],
  ])('refuses %s with file, line and what was expected', async (_name, files, message) => {
    await expect(read(files)).rejects.toMatchObject({
      failureClass: 'data',
      message: expect.stringMatching(message) as string,
    });
  });
});

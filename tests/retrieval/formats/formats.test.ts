// What the files of each format become, on small invented ones, and what is said of wrong ones.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBeir } from '../../../retrieval/formats/beir.js';
import { readCodeSearchNet } from '../../../retrieval/formats/code-search-net.js';
import { readCosqa } from '../../../retrieval/formats/cosqa.js';
import { readJsonlPairs } from '../../../retrieval/formats/jsonl-pairs.js';
import { readLitsearch } from '../../../retrieval/formats/litsearch.js';
import { readMkqa } from '../../../retrieval/formats/mkqa.js';
import { readMsmarco } from '../../../retrieval/formats/msmarco.js';
import { readScifact } from '../../../retrieval/formats/scifact.js';
import { readXquad } from '../../../retrieval/formats/xquad.js';
import type { Source } from '../../../retrieval/source.js';
import { datasetFrom } from './dataset-files.js';

type Files = Record<string, unknown>;
type Read = (folder: string) => Promise<Source>;

const cosqaEntry = (idx: string, number: number, code: string): unknown => ({
  idx,
  doc: `query of ${idx}`,
  code,
  code_tokens: code,
  docstring_tokens: '',
  label: 1,
  retrieval_idx: number,
});
const cosqa: Files = {
  'code_idx_map.txt': { 'def a(): pass': 3, 'def b(): pass': 0 },
  'cosqa-retrieval-train-2.json': [
    cosqaEntry('t-1', 3, 'def a(): pass'),
    { ...(cosqaEntry('t-2', 3, 'def a(): pass') as object), label: 0 },
  ],
  'cosqa-retrieval-dev-1.json': [cosqaEntry('d-1', 3, 'def a(): pass')],
  'cosqa-retrieval-test-1.json': [cosqaEntry('e-1', 0, 'def b(): pass')],
};
const squad = (context: string, question: string): unknown => ({
  version: '1.1',
  data: [
    { title: 'Rivers', paragraphs: [{ context, qas: [{ id: 'x1', question, answers: [] }] }] },
    {
      title: 'Stones',
      paragraphs: [{ context: `${context} 2`, qas: [{ id: 'x2', question: `${question} 2`, answers: [] }] }],
    },
  ],
});
const xquad: Files = {
  'xquad.en.json': squad('A river runs.', 'What runs?'),
  'xquad.de.json': squad('Ein Fluss fließt.', 'Was fließt?'),
};
const mkqa: Files = {
  'mkqa.jsonl.gz': [
    {
      example_id: -7,
      query: 'who sings',
      queries: { en: 'who sings', de: 'wer singt' },
      answers: {
        en: [{ type: 'entity', text: 'a bird', aliases: ['birdie'] }],
        de: [
          { type: 'entity', text: 'ein Vogel' },
          { type: 'entity', text: 'Vögel' },
        ],
      },
    },
    {
      example_id: 8,
      queries: { en: 'why', de: 'warum' },
      answers: { en: [{ type: 'long_answer', text: null }], de: [{ type: 'unanswerable', text: null }] },
    },
    {
      example_id: 9,
      queries: { en: 'what sings', de: 'was singt' },
      answers: { en: [{ type: 'entity', text: 'a bird' }], de: [{ type: 'entity', text: 'Vögel' }] },
    },
  ],
};
const scifact: Files = {
  'corpus.jsonl': [
    { doc_id: 4, title: 'Salt', abstract: ['Salt dissolves.', 'In water.'], structured: false },
    { doc_id: 5, title: 'Iron', abstract: ['Iron rusts.'], structured: false },
  ],
  'claims_train.jsonl': [
    { id: 1, claim: 'Salt is soluble', evidence: { 4: [{ sentences: [0], label: 'SUPPORT' }] }, cited_doc_ids: [4, 5] },
  ],
  'claims_dev.jsonl': [
    { id: 2, claim: 'Iron is stable', evidence: { 5: [{ sentences: [0], label: 'CONTRADICT' }] }, cited_doc_ids: [5] },
  ],
  'claims_test.jsonl': [{ id: 3, claim: 'Unlabelled' }],
};
const litsearch: Files = {
  'corpus_clean.jsonl': [
    { corpusid: 11, title: 'On wheels', abstract: 'They turn.', citations: [], full_paper: '' },
    { corpusid: 12, title: 'On doors', abstract: null, citations: [], full_paper: '' },
  ],
  'query.jsonl': [
    { query_set: 'inline', query: 'papers about doors and wheels', specificity: 1, quality: 2, corpusids: [12, 11] },
  ],
};
const csn = (partition: string, n: number, docstring: string[]): unknown => ({
  repo: 'r/r',
  path: 'p.py',
  func_name: `f${n}`,
  url: `https://example.org/${n}`,
  language: 'python',
  code_tokens: ['def', `f${n}`, '(', ')', ':'],
  docstring_tokens: docstring,
  docstring: docstring.join(' '),
  partition,
});
const codeSearchNet: Files = {
  'python/final/jsonl/train/python_train_0.jsonl.gz': [csn('train', 1, ['Opens', 'doors', '.']), csn('train', 2, [])],
  'python/final/jsonl/valid/python_valid_0.jsonl': [csn('valid', 3, ['Turns', 'wheels', '.'])],
};
const msmarco: Files = {
  'collection.tsv': '0\tA red stone.\n1\tA blue cloud.\n',
  'queries.train.tsv': '100\twhat is red\n101\tnobody judged this\n',
  'qrels.train.tsv': '100\t0\t0\t1\n',
  'queries.dev.tsv': '200\twhat is blue\n201\tnot in the small part\n',
  'qrels.dev.tsv': '200\t0\t1\t1\n201\t0\t0\t1\n',
  'qrels.dev.small.tsv': '200\t0\t1\t1\n',
  'queries.test.tsv': '300\tstones and clouds\n',
  'qrels.test.tsv': '300 0 0 3\n300 0 1 0\n',
};
const pairs: Files = {
  'corpus.jsonl': [
    { _id: 'extra', text: 'a distractor' },
    { _id: 'known', text: 'turns wheels' },
  ],
  'train.jsonl': [
    { query: 'doors?', pos: ['opens doors'], neg: ['turns wheels', 'a distractor'] },
    { _id: 'own', query: 'wheels?', positives: 'turns wheels', reasoning: 'round things' },
  ],
  'test.jsonl': [{ query: 'both?', positives: ['opens doors', 'turns wheels'] }],
};

const german: Read = (folder) => readXquad(folder, { language: 'en', documents: 'de' });
const same: Read = (folder) => readXquad(folder, { language: 'en', documents: 'en' });
const mkqaGerman: Read = (folder) => readMkqa(folder, { language: 'en', documents: 'de' });

describe('formats', () => {
  it('reads CoSQA: splits from the names of the files, a label of 0 is no answer', async () => {
    const { corpus, queries, qrels, manifest } = await datasetFrom(readCosqa, cosqa);
    expect(corpus).toEqual([
      { _id: '3', text: 'def a(): pass' },
      { _id: '0', text: 'def b(): pass' },
    ]);
    expect(queries.map(({ _id, split }) => [_id, split])).toEqual([
      ['d-1', 'dev'],
      ['e-1', 'test'],
      ['t-1', 'sft'],
    ]);
    expect(qrels).toContainEqual({ query: 'e-1', document: '0', grade: 1 });
    expect(manifest.notes).toMatchObject({ withoutRelevant: 1 });
  });

  it('reads XQuAD: questions in one language, paragraphs in another', async () => {
    const across = await datasetFrom(german, xquad);
    expect(across.corpus.map(({ text }) => text)).toEqual(['Ein Fluss fließt.', 'Ein Fluss fließt. 2']);
    expect(across.queries).toEqual([
      { _id: 'x1', text: 'What runs?', split: 'test' },
      { _id: 'x2', text: 'What runs? 2', split: 'test' },
    ]);
    expect(across.qrels.map(({ document }) => document)).toEqual(['a0-p0', 'a1-p0']);
    expect((await datasetFrom(same, xquad)).corpus[0]).toEqual({ _id: 'a0-p0', text: 'A river runs.' });
  });

  it('reads MKQA: a document an answer, questions without a short one left out and counted', async () => {
    const { corpus, queries, qrels, manifest } = await datasetFrom(mkqaGerman, mkqa);
    expect(corpus.map(({ text }) => text)).toEqual(['ein Vogel', 'Vögel']);
    expect(queries.map(({ _id, text }) => [_id, text])).toEqual([
      ['-7', 'who sings'],
      ['9', 'what sings'],
    ]);
    expect(qrels).toHaveLength(3);
    expect(manifest.notes).toMatchObject({ withoutShortAnswer: 1, documentLanguage: 'de' });
  });

  it('reads SciFact: what a claim cites is its answer, whether it supports it or not', async () => {
    const { corpus, queries, qrels, manifest } = await datasetFrom(readScifact, scifact);
    expect(corpus[0]).toMatchObject({ _id: '4', text: 'Salt Salt dissolves. In water.' });
    expect(queries.map(({ split }) => split)).toEqual(['sft', 'dev']);
    expect(qrels).toHaveLength(3);
    expect(manifest.notes).toMatchObject({ withoutJudgement: 1 });
  });

  it('reads LitSearch as JSON Lines', async () => {
    const { corpus, qrels } = await datasetFrom(readLitsearch, litsearch);
    expect(corpus.map(({ text }) => text)).toEqual(['On wheels They turn.', 'On doors ']);
    expect(qrels.map(({ query, document }) => [query, document])).toEqual([
      ['query-1', '12'],
      ['query-1', '11'],
    ]);
  });

  it('reads CodeSearchNet, compressed or not: all functions are documents, those with a docstring also queries', async () => {
    const { corpus, queries, manifest } = await datasetFrom(readCodeSearchNet, codeSearchNet);
    expect(corpus).toHaveLength(3);
    expect(queries.map(({ text, split }) => [text, split])).toEqual([
      ['Opens doors .', 'sft'],
      ['Turns wheels .', 'dev'],
    ]);
    expect(manifest.notes).toMatchObject({ withoutDocstring: 1 });
  });

  it('reads MS MARCO: the small part of dev where there is one, graded judgements of test', async () => {
    const { corpus, queries, qrels, manifest } = await datasetFrom(readMsmarco, msmarco);
    expect(corpus).toHaveLength(2);
    expect(queries.map(({ _id, split }) => [_id, split])).toEqual([
      ['100', 'sft'],
      ['200', 'dev'],
      ['300', 'test'],
    ]);
    expect(qrels).toContainEqual({ query: '300', document: '0', grade: 3 });
    expect(manifest.notes).toMatchObject({ withoutJudgement: 2 });
  });

  it('reads plain JSON Lines: texts become documents once, with negatives and reasoning', async () => {
    const { corpus, queries, qrels, negatives, reasoning, manifest } = await datasetFrom(readJsonlPairs, pairs);
    expect(corpus.map(({ _id, text }) => [_id, text])).toEqual([
      ['extra', 'a distractor'],
      ['known', 'turns wheels'],
      ['test-1-1', 'opens doors'],
    ]);
    expect(queries.map(({ _id }) => _id)).toEqual(['test-1', 'train-1', 'own']);
    expect(qrels.filter(({ query }) => query === 'test-1')).toHaveLength(2);
    expect(negatives).toEqual([{ query: 'train-1', negatives: ['known', 'extra'] }]);
    expect(reasoning).toEqual([{ query: 'own', text: 'round things' }]);
    expect(manifest).toMatchObject({ negatives: 1, reasoning: 1 });
  });
});

describe('a wrong file', () => {
  it.each<[string, Read, Files, RegExp]>([
    [
      'CoSQA: another number',
      readCosqa,
      { ...cosqa, 'cosqa-retrieval-test-1.json': [cosqaEntry('e-1', 3, 'def b(): pass')] },
      /^cosqa-retrieval-test-1\.json\[0\]: its code has the number 0 .* `retrieval_idx` is 3/,
    ],
    [
      'CoSQA: a field of another type',
      readCosqa,
      { ...cosqa, 'cosqa-retrieval-test-1.json': [{ idx: 'a', doc: 5, code: 'def b(): pass', retrieval_idx: 0 }] },
      /^cosqa-retrieval-test-1\.json\[0\]: `doc` is 5, not a string; expected an object with `idx`/,
    ],
    ['CoSQA: no list', readCosqa, { 'code_idx_map.txt': {} }, /there is no cosqa-retrieval-/],
    [
      'CoSQA: an id twice',
      readCosqa,
      { ...cosqa, 'cosqa-retrieval-test-1.json': [cosqaEntry('d-1', 0, 'def b(): pass')] },
      /^cosqa-retrieval-test-1\.json\[0\]: "d-1" is already at cosqa-retrieval-dev-1\.json\[0\]/,
    ],
    ['CoSQA: no JSON', readCosqa, { 'code_idx_map.txt': '{"a": 1,}' }, /^code_idx_map\.txt(:1)?: this is not JSON/],
    [
      'XQuAD: a language that is missing',
      (folder) => readXquad(folder, { language: 'fr', documents: 'fr' }),
      xquad,
      /^xquad\.fr\.json: the file is missing; the folder has the languages de, en$/,
    ],
    [
      'XQuAD: files that are not parallel',
      german,
      { ...xquad, 'xquad.de.json': { data: [] } },
      /^xquad\.de\.json: it has not the articles and paragraphs of xquad\.en\.json/,
    ],
    [
      'XQuAD: a paragraph without questions',
      same,
      { 'xquad.en.json': { data: [{ paragraphs: [{ context: 'x' }] }] } },
      /^xquad\.en\.json\.data\[0\]\.paragraphs\[0\]: `qas` is missing/,
    ],
    [
      'MKQA: a language that is missing',
      (folder) => readMkqa(folder, { language: 'fr', documents: 'en' }),
      mkqa,
      /^mkqa\.jsonl\.gz:1: `queries` has no language fr; it has de, en$/,
    ],
    ['MKQA: no gzip', mkqaGerman, { 'mkqa.jsonl': '{"example_id":1}\n' }, /^mkqa\.jsonl:1: `queries` is missing/],
    [
      'SciFact: an unknown document',
      readScifact,
      { ...scifact, 'claims_dev.jsonl': [{ id: 2, claim: 'x', cited_doc_ids: [99] }] },
      /^claims_dev\.jsonl:1: document "99" is not in corpus\.jsonl$/,
    ],
    [
      'SciFact: an abstract that is a text',
      readScifact,
      { ...scifact, 'corpus.jsonl': [{ doc_id: 1, title: 'x', abstract: 'y' }] },
      /^corpus\.jsonl:1: `abstract` is "y", not a list/,
    ],
    [
      'LitSearch: Parquet',
      readLitsearch,
      { 'query/full.parquet': 'PAR1', 'x.parquet': 'PAR1' },
      /^query\.jsonl: the file is missing; Parquet is not read/,
    ],
    [
      'CodeSearchNet: an unknown partition',
      readCodeSearchNet,
      { 'a.jsonl': [csn('eval', 1, [])] },
      /^a\.jsonl:1: `partition` is "eval"; expected one of train, valid, test$/,
    ],
    [
      'CodeSearchNet: a url twice',
      readCodeSearchNet,
      { 'a.jsonl': [csn('test', 1, ['x'])], 'b.jsonl': [csn('test', 1, ['x'])] },
      /^b\.jsonl:1: "https:\/\/example\.org\/1" is already at a\.jsonl:1/,
    ],
    [
      'MS MARCO: three columns',
      readMsmarco,
      { ...msmarco, 'collection.tsv': '0\tone\ttwo\n' },
      /^collection\.tsv:1: 3 columns in .* expected two/,
    ],
    [
      'MS MARCO: judgements without their queries',
      readMsmarco,
      { 'collection.tsv': '0\tx\n', 'qrels.test.tsv': '' },
      /^queries\.test\.tsv: the file is missing; expected the queries of qrels\.test\.tsv$/,
    ],
    [
      'MS MARCO: an unknown document',
      readMsmarco,
      { ...msmarco, 'qrels.test.tsv': '300 0 9 1\n' },
      /^qrels\.test\.tsv:1: document "9" is not in collection\.tsv$/,
    ],
    [
      'pairs: a name that is no split',
      readJsonlPairs,
      { 'validation.jsonl': [] },
      /^validation\.jsonl: its name is not that of a split/,
    ],
    [
      'pairs: no positive',
      readJsonlPairs,
      { 'test.jsonl': [{ query: 'x', positives: [] }] },
      /^test\.jsonl:1: there is no positive/,
    ],
    [
      'pairs: a positive that is no text',
      readJsonlPairs,
      { 'test.jsonl': [{ query: 'x', positives: ['a', 7] }] },
      /^test\.jsonl:1: `positives` holds 7/,
    ],
    ['BEIR: no judgements', readBeir, { 'corpus.jsonl': [] }, /^qrels\/: there is no \.tsv file/],
  ])('%s', async (_, read, files, message) => {
    await expect(datasetFrom(read, files)).rejects.toMatchObject({
      failureClass: 'data',
      message: expect.stringMatching(message) as string,
    });
  });

  it('that ends in .gz and is none is called so', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pawl-gz-'));
    await writeFile(join(folder, 'mkqa.jsonl.gz'), '{}\n');
    await expect(readMkqa(folder, { language: 'en', documents: 'en' })).rejects.toThrow(
      /^mkqa\.jsonl\.gz: the file cannot be decompressed; expected gzip/,
    );
    await rm(folder, { recursive: true });
  });
});

// Documents by row, and which have the same text.
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { duplicatesOf, readCorpus } from '../../retrieval/corpus.js';
import { limitQueries, readSplit, unjudgedDuplicates } from '../../retrieval/dataset.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-corpus-'));
});
afterAll(() => rm(dir, { recursive: true }));

const write = (name: string, values: unknown[]): void => {
  writeFileSync(join(dir, name), values.map((value) => `${JSON.stringify(value)}\n`).join(''));
};

describe('readCorpus', () => {
  it('knows rows by id and documents of the same text', async () => {
    write(
      'corpus.jsonl',
      ['a', 'b', 'a', '', 'a'].map((text, i) => ({ _id: `d${i}`, text })),
    );
    const corpus = await readCorpus(join(dir, 'corpus.jsonl'));
    expect(corpus.rowOf.get('d3')).toBe(3);
    expect([duplicatesOf(corpus, 0), duplicatesOf(corpus, 1), duplicatesOf(corpus, 4)]).toEqual([[2, 4], [], [0, 2]]);
  });

  it('refuses a second use of an id', async () => {
    write('corpus.jsonl', [
      { _id: 'x', text: 'a' },
      { _id: 'x', text: 'b' },
    ]);
    await expect(readCorpus(join(dir, 'corpus.jsonl'))).rejects.toThrow(
      'corpus.jsonl:2: the id "x" is already that of document 1; ids must differ',
    );
  });
});

describe('readSplit', () => {
  const judge = async (qrels: unknown[]) => {
    write(
      'corpus.jsonl',
      ['a', 'b', 'a'].map((text, i) => ({ _id: `d${i}`, text })),
    );
    write('queries.jsonl', [
      { _id: 'q1', text: 'x', split: 'test' },
      { _id: 'q2', text: 'y', split: 'test' },
      { _id: 'q3', text: 'z', split: 'dev' },
    ]);
    write('qrels.jsonl', qrels);
    const corpus = await readCorpus(join(dir, 'corpus.jsonl'));
    return { corpus, ...(await readSplit(dir, 'test', corpus)) };
  };

  it('keeps queries with a relevant document, counts the others, and finds unjudged copies of an answer', async () => {
    const { corpus, queries, excluded } = await judge([
      { query: 'q1', document: 'd0', grade: 2 },
      { query: 'q1', document: 'd1', grade: 0 },
      { query: 'q3', document: 'd1', grade: 1 },
    ]);
    expect(queries.map(({ id, relevant }) => [id, relevant])).toEqual([['q1', [{ row: 0, grade: 2 }]]]);
    expect(excluded).toBe(1);
    expect(queries.map((query) => [...unjudgedDuplicates(query, corpus)])).toEqual([[2]]);
  });

  it('gives each query of a mixture the instruction of its set', async () => {
    await judge([]);
    write('queries.jsonl', [
      { _id: 'q1', text: 'x', split: 'test', set: 'code' },
      { _id: 'q2', text: 'y', split: 'test', set: 'web' },
    ]);
    write(
      'qrels.jsonl',
      ['q1', 'q2'].map((query) => ({ query, document: 'd0', grade: 1 })),
    );
    write('manifest.json', [{ sets: { code: { prompt: 'Find code: {}' }, web: {} } }]);
    const { queries } = await readSplit(dir, 'test', await readCorpus(join(dir, 'corpus.jsonl')));
    expect(queries.map(({ instruction }) => instruction)).toEqual(['Find code: {}', null]);
    await rm(join(dir, 'manifest.json'));
  });

  it('names the line of a judgement without its document', async () => {
    await expect(
      judge([
        { query: 'q1', document: 'd0', grade: 1 },
        { query: 'q2', document: 'd9', grade: 1 },
      ]),
    ).rejects.toThrow('qrels.jsonl:2: document "d9" is not in corpus.jsonl');
  });

  it('limits to the same queries whatever else is in the list', () => {
    const queries = Array.from({ length: 50 }, (_, i) => ({
      id: `q${i}`,
      text: '',
      relevant: [],
      instruction: null,
      judged: new Set<number>(),
    }));
    const kept = limitQueries(queries, 5).map(({ id }) => id);
    expect(kept).toHaveLength(5);
    expect(
      limitQueries(
        queries.filter(({ id }) => kept.includes(id) || id > 'q3'),
        5,
      ).map(({ id }) => id),
    ).toEqual(kept);
    expect(limitQueries(queries, 0)).toBe(queries);
  });
});

// Reads and checks a data set in the BEIR layout: corpus.jsonl, queries.jsonl, qrels/<split>.tsv, optionally reasoning.jsonl.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readDocuments } from './corpus.js';
import { isObject, readJsonl, readLines, stringField } from './jsonl.js';
import { dataError } from './retrieval-error.js';

export const datasetSplits = ['sft', 'rl', 'dev', 'test'] as const;
export type DatasetSplit = (typeof datasetSplits)[number];

export interface BeirDocument {
  _id: string;
  /** Title and text in one, as they are encoded. */
  text: string;
  title?: string;
}

export interface Judgement {
  query: string;
  document: string;
  grade: number;
  line: number;
}

const queryShape = 'an object with non-empty strings `_id` and `text`';
const reasoningShape = 'an object with the strings `query` (an id) and `text`';
const header = 'query-id\tcorpus-id\tscore';

/** Documents in order, a title put before its text. Fails with class `data`, file and line, for a malformed line or a repeated id. */
export async function* readBeirCorpus(dir: string): AsyncGenerator<BeirDocument> {
  const lineOf = new Map<string, number>();
  for await (const { id, text, title, line } of readDocuments(join(dir, 'corpus.jsonl'))) {
    refuseTwice(lineOf, id, 'corpus.jsonl', line);
    const whole = title === null || title === '' ? text : `${title} ${text}`;
    if (whole.trim() === '')
      throw dataError(
        'corpus.jsonl',
        line,
        `document ${JSON.stringify(id)} has neither title nor text; expected one of them to say something`,
      );
    yield { _id: id, text: whole, ...(title ? { title } : {}) };
  }
}

/** Text of each query by id, in order. Fails as readBeirCorpus does. */
export async function readBeirQueries(dir: string): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const lineOf = new Map<string, number>();
  for await (const { value, line, at } of readJsonl(join(dir, 'queries.jsonl'), 'queries.jsonl', queryShape)) {
    const id = stringField(value, '_id', at);
    refuseTwice(lineOf, id, 'queries.jsonl', line);
    texts.set(id, stringField(value, 'text', at));
  }
  return texts;
}

/** The files of qrels/ by the split they become: train is sft, unless there is an sft.tsv; then it is in `left`. */
export async function findQrels(dir: string): Promise<{ files: Map<DatasetSplit, string>; left: string[] }> {
  const names = await readdir(join(dir, 'qrels')).catch(() => []);
  const tables = names.filter((name) => name.endsWith('.tsv')).sort();
  if (tables.length === 0)
    throw dataError(
      'qrels/',
      null,
      `there is no .tsv file; expected one or more of ${[...datasetSplits, 'train'].join('.tsv, ')}.tsv`,
    );
  const files = new Map<DatasetSplit, string>();
  const left: string[] = [];
  for (const table of tables) {
    const stem = basename(table, '.tsv');
    if (stem === 'train') continue;
    const split = datasetSplits.find((known) => known === stem);
    if (split === undefined)
      throw dataError(
        `qrels/${table}`,
        null,
        `${stem} is not a split; rename the file to one of ${[...datasetSplits, 'train'].join(', ')}`,
      );
    files.set(split, table);
  }
  if (tables.includes('train.tsv')) {
    if (files.has('sft')) left.push('train.tsv');
    else files.set('sft', 'train.tsv');
  }
  return { files, left };
}

/** Judgements of one table. Fails with class `data`, file and line: header, columns, grade, unknown ids, a pair judged twice. */
export async function* readQrels(
  dir: string,
  table: string,
  known: { hasQuery: (id: string) => boolean; hasDocument: (id: string) => boolean },
): AsyncGenerator<Judgement> {
  const label = `qrels/${table}`;
  const lineOf = new Map<string, number>();
  let isHeader = true;
  for await (const { text, line } of readLines(join(dir, 'qrels', table), label)) {
    if (isHeader) {
      isHeader = false;
      if (text.trim() !== header)
        throw dataError(
          label,
          line,
          `the first line is ${JSON.stringify(text)}; expected the header ${JSON.stringify(header)}`,
        );
    } else if (text.trim() !== '') {
      const judgement = parseJudgement(text, label, line);
      if (!known.hasQuery(judgement.query))
        throw dataError(label, line, `query ${JSON.stringify(judgement.query)} is not in queries.jsonl`);
      if (!known.hasDocument(judgement.document))
        throw dataError(label, line, `document ${JSON.stringify(judgement.document)} is not in corpus.jsonl`);
      refuseTwice(lineOf, `${judgement.query}\t${judgement.document}`, label, line);
      yield judgement;
    }
  }
  if (isHeader)
    throw dataError(
      label,
      null,
      `the file is empty; expected the header ${JSON.stringify(header)} and a judgement a line`,
    );
}

/** Reasoning of queries from reasoning.jsonl; nothing when there is no such file. */
export async function* readReasoning(
  dir: string,
  hasQuery: (id: string) => boolean,
): AsyncGenerator<{ query: string; text: string }> {
  if (!(await readdir(dir)).includes('reasoning.jsonl')) return;
  const lineOf = new Map<string, number>();
  for await (const { value, line, at } of readJsonl(join(dir, 'reasoning.jsonl'), 'reasoning.jsonl', reasoningShape)) {
    const query = stringField(value, 'query', at);
    if (!isObject(value) || !hasQuery(query))
      throw dataError('reasoning.jsonl', line, `query ${JSON.stringify(query)} is not in queries.jsonl`);
    refuseTwice(lineOf, query, 'reasoning.jsonl', line);
    yield { query, text: stringField(value, 'text', at) };
  }
}

function parseJudgement(text: string, label: string, line: number): Judgement {
  const [query, document, score, ...rest] = text.split('\t');
  if (!query || !document || score === undefined || rest.length > 0) {
    throw dataError(
      label,
      line,
      `${text.split('\t').length} columns in ${JSON.stringify(text)}; expected three, divided by tabs: query id, document id, whole-number score`,
    );
  }
  if (!/^\s*-?\d+\s*$/.test(score))
    throw dataError(label, line, `the score is ${JSON.stringify(score)}; expected a whole number, 0 for not relevant`);
  return { query, document, grade: Math.max(0, Number(score)), line };
}

function refuseTwice(lineOf: Map<string, number>, id: string, label: string, line: number): void {
  const before = lineOf.get(id);
  if (before !== undefined)
    throw dataError(label, line, `${JSON.stringify(id)} is already on line ${before}; expected each once`);
  lineOf.set(id, line);
}

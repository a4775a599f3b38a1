// BEIR: corpus.jsonl, queries.jsonl, qrels/<split>.tsv, optionally reasoning.jsonl.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readDocuments } from '../corpus.js';
import { readJsonl, readLines, stringField } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import {
  datasetSplits,
  type DatasetSplit,
  type Source,
  type SourceExtra,
  type SourceJudgement,
  type SourceQuery,
} from '../source.js';
import { wholeNumber } from './fields.js';

const queryShape = 'an object with non-empty strings `_id` and `text`';
const header = 'query-id\tcorpus-id\tscore';

/** The folder as a source. Fails with class `data` when there is no table of judgements, or one of an unknown split. */
export async function readBeir(dir: string): Promise<Source> {
  const { files, left } = await findQrels(dir);
  return {
    name: 'jsonl',
    files: { documents: 'corpus.jsonl', queries: 'queries.jsonl' },
    documents: () => documents(dir),
    queries: () => queries(dir),
    judgements: () => judgements(dir, files),
    extras: () => extras(dir),
    notes: () => ({ leftOut: left }),
    warnings: left.map((name) => `qrels/${name} is left out, because there is a qrels/sft.tsv`),
  };
}

async function* documents(dir: string): ReturnType<Source['documents']> {
  for await (const { id, text, title, line } of readDocuments(join(dir, 'corpus.jsonl')))
    yield { id, text, title, file: 'corpus.jsonl', line };
}

async function* queries(dir: string): AsyncGenerator<SourceQuery> {
  const file = 'queries.jsonl';
  for await (const { value, line, at } of readJsonl(join(dir, file), file, queryShape))
    yield { id: stringField(value, '_id', at), text: stringField(value, 'text', at), file, line };
}

/** The files of qrels/ by the split they become: train is sft, unless there is an sft.tsv; then it is in `left`. */
async function findQrels(dir: string): Promise<{ files: Map<DatasetSplit, string>; left: string[] }> {
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

async function* judgements(dir: string, files: ReadonlyMap<DatasetSplit, string>): AsyncGenerator<SourceJudgement> {
  for (const [split, table] of files) {
    const file = `qrels/${table}`;
    let isHeader = true;
    for await (const { text, line } of readLines(join(dir, 'qrels', table), file)) {
      if (isHeader) {
        isHeader = false;
        if (text.trim() !== header)
          throw dataError(
            file,
            line,
            `the first line is ${JSON.stringify(text)}; expected the header ${JSON.stringify(header)}`,
          );
      } else if (text.trim() !== '') yield { ...parseJudgement(text, file, line), split, file, line };
    }
    if (isHeader)
      throw dataError(
        file,
        null,
        `the file is empty; expected the header ${JSON.stringify(header)} and a judgement a line`,
      );
  }
}

function parseJudgement(
  text: string,
  file: string,
  line: number,
): Pick<SourceJudgement, 'query' | 'document' | 'grade'> {
  const [query, document, score, ...rest] = text.split('\t');
  if (!query || !document || score === undefined || rest.length > 0) {
    throw dataError(
      file,
      line,
      `${text.split('\t').length} columns in ${JSON.stringify(text)}; expected three, divided by tabs: query id, document id, whole-number score`,
    );
  }
  return { query, document, grade: wholeNumber(score, 'the score', { file, line }) };
}

async function* extras(dir: string): AsyncGenerator<SourceExtra> {
  const names = await readdir(dir);
  const file = 'reasoning.jsonl';
  const shape = 'an object with the strings `query` (an id) and `text`';
  if (names.includes(file)) {
    for await (const { value, line, at } of readJsonl(join(dir, file), file, shape)) {
      const query = stringField(value, 'query', at);
      yield { query, reasoning: stringField(value, 'text', at), negatives: [], file, line };
    }
  }
}

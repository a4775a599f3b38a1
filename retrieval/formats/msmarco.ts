// MS MARCO's tables without headers: collection.tsv (id, text), queries.<part>.tsv (id, text) and qrels.<part>.tsv (query, 0,
// document, grade; tabs or spaces). A part is train, dev, dev.small or test.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readLines } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type DatasetSplit, type Source, type SourceJudgement } from '../source.js';
import { wholeNumber } from './fields.js';

const splitOf: Readonly<Record<string, DatasetSplit>> = { train: 'sft', dev: 'dev', 'dev.small': 'dev', test: 'test' };

interface Part {
  queries: string;
  qrels: string;
  split: DatasetSplit;
}

/** The folder as a source; only queries with judgements are kept. Fails with class `data`, file and line. */
export async function readMsmarco(dir: string): Promise<Source> {
  const parts = partsIn(await readdir(dir));
  const tables = [...new Set(parts.map(({ queries }) => queries))];
  return {
    name: 'msmarco',
    files: { documents: 'collection.tsv', queries: tables.join(', ') },
    async *documents() {
      for await (const row of pairs(dir, 'collection.tsv')) yield { ...row, title: null };
    },
    async *queries() {
      for (const table of tables) yield* pairs(dir, table);
    },
    async *judgements() {
      for (const { qrels, split } of parts) yield* judgements(dir, qrels, split);
    },
    extras: noExtras,
    notes: () => ({}),
    warnings: [],
  };
}

/** A table of judgements with the table of its queries: dev.small's are also in that of dev. */
function partsIn(names: readonly string[]): Part[] {
  const parts = Object.entries(splitOf).flatMap(([part, split]): Part[] => {
    const qrels = `qrels.${part}.tsv`;
    // All queries of dev.small are in dev: who has both wants the small one.
    if (!names.includes(qrels) || (part === 'dev' && names.includes('qrels.dev.small.tsv'))) return [];
    const tables = [`queries.${part}.tsv`, `queries.${part.replace('.small', '')}.tsv`];
    const queries = tables.find((name) => names.includes(name));
    if (queries === undefined)
      throw dataError(tables[0] ?? qrels, null, `the file is missing; expected the queries of ${qrels}`);
    return [{ queries, qrels, split }];
  });
  if (parts.length === 0)
    throw dataError(
      '.',
      null,
      `there is no table of judgements; expected qrels.<${Object.keys(splitOf).join('|')}>.tsv`,
    );
  return parts;
}

async function* pairs(
  dir: string,
  file: string,
): AsyncGenerator<{ id: string; text: string; file: string; line: number }> {
  for await (const { text: row, line } of readLines(join(dir, file), file)) {
    if (row.trim() === '') continue;
    const [id, text, ...rest] = row.split('\t');
    if (!id || text === undefined || rest.length > 0)
      throw dataError(
        file,
        line,
        `${row.split('\t').length} columns in ${JSON.stringify(row.slice(0, 60))}; expected two, divided by a tab: id and text`,
      );
    yield { id, text, file, line };
  }
}

async function* judgements(dir: string, file: string, split: DatasetSplit): AsyncGenerator<SourceJudgement> {
  for await (const { text: row, line } of readLines(join(dir, file), file)) {
    if (row.trim() === '') continue;
    const [query, , document, grade, ...rest] = row.trim().split(/\s+/);
    if (query === undefined || document === undefined || grade === undefined || rest.length > 0)
      throw dataError(
        file,
        line,
        `${row.trim().split(/\s+/).length} columns in ${JSON.stringify(row.slice(0, 60))}; expected four: query id, 0, document id, whole-number grade`,
      );
    yield { query, document, grade: wholeNumber(grade, 'the grade', { file, line }), split, file, line };
  }
}

// LitSearch as JSON Lines: query.jsonl (query, corpusids) and corpus_clean.jsonl (corpusid, title, abstract). The data set itself is
// published as Parquet, which is not read.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonl } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type Source } from '../source.js';
import { asId, idField, listField, textField } from './fields.js';

const corpus = 'corpus_clean.jsonl';
const queries = 'query.jsonl';
const queryShape = 'an object with `query` and `corpusids` (a list of ids)';

/** The folder as a source; all queries are of the split test. Fails with class `data`, file and line. */
export async function readLitsearch(dir: string): Promise<Source> {
  const names = await readdir(dir);
  if (!names.includes(queries) && names.some((name) => name.endsWith('.parquet')))
    throw dataError(
      queries,
      null,
      `the file is missing; Parquet is not read, so write both tables as JSON Lines, ${queries} and ${corpus}`,
    );
  return {
    name: 'litsearch',
    files: { documents: corpus, queries },
    async *documents() {
      for await (const { value, line, at } of readJsonl(
        join(dir, corpus),
        corpus,
        'an object with `corpusid`, `title` and `abstract`',
      ))
        yield {
          id: idField(value, 'corpusid', at),
          text: textField(value, 'abstract', at, true),
          title: textField(value, 'title', at, true),
          file: corpus,
          line,
        };
    },
    async *queries() {
      for await (const { value, line, at } of readJsonl(join(dir, queries), queries, queryShape))
        yield { id: `query-${line}`, text: textField(value, 'query', at), file: queries, line };
    },
    async *judgements() {
      for await (const { value, line, at } of readJsonl(join(dir, queries), queries, queryShape))
        for (const document of new Set(listField(value, 'corpusids', at, { item: asId })))
          yield { query: `query-${line}`, document, grade: 1, split: 'test' as const, file: queries, line };
    },
    extras: noExtras,
    notes: () => ({}),
    warnings: [],
  };
}

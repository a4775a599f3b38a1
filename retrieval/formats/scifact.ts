// SciFact as its authors give it: corpus.jsonl (doc_id, title, abstract as sentences) and claims_<split>.jsonl. As in BEIR, the
// documents that a claim cites are its answers, whether they support or refute it.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, readJsonl } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import { noExtras, type DatasetSplit, type Source, type SourceQuery } from '../source.js';
import { asId, asString, idField, listField, textField } from './fields.js';

const splits: readonly [string, DatasetSplit][] = [
  ['claims_train.jsonl', 'sft'],
  ['claims_dev.jsonl', 'dev'],
  ['claims_test.jsonl', 'test'],
];
const documentShape = 'an object with `doc_id`, `title` and `abstract` (a list of sentences)';
const claimShape = 'an object with `id`, `claim` and perhaps `cited_doc_ids` and `evidence`';

/** The folder as a source. Fails with class `data`, file and line. */
export async function readScifact(dir: string): Promise<Source> {
  const names = await readdir(dir);
  const files = splits.filter(([name]) => names.includes(name));
  if (files.length === 0)
    throw dataError(
      'claims_train.jsonl',
      null,
      'the file is missing, and so are claims_dev.jsonl and claims_test.jsonl',
    );
  return {
    name: 'scifact',
    files: { documents: 'corpus.jsonl', queries: files.map(([name]) => name).join(', ') },
    async *documents() {
      for await (const { value, line, at } of readJsonl(join(dir, 'corpus.jsonl'), 'corpus.jsonl', documentShape)) {
        const text = listField(value, 'abstract', at, { item: asString }).join(' ');
        yield {
          id: idField(value, 'doc_id', at),
          text,
          title: textField(value, 'title', at),
          file: 'corpus.jsonl',
          line,
        };
      }
    },
    async *queries() {
      for (const [file] of files) for await (const { query } of claims(dir, file)) yield query;
    },
    async *judgements() {
      for (const [name, split] of files)
        for await (const { query, documents } of claims(dir, name))
          for (const document of documents)
            yield { query: query.id, document, grade: 1, split, file: query.file, line: query.line };
    },
    extras: noExtras,
    notes: () => ({}),
    warnings: [],
  };
}

async function* claims(dir: string, file: string): AsyncGenerator<{ query: SourceQuery; documents: Set<string> }> {
  for await (const { value, line, at } of readJsonl(join(dir, file), file, claimShape)) {
    const evidence = isObject(value) && isObject(value['evidence']) ? Object.keys(value['evidence']) : [];
    const cited = listField(value, 'cited_doc_ids', at, { item: asId, isOptional: true });
    const query = { id: idField(value, 'id', at), text: textField(value, 'claim', at), file, line };
    yield { query, documents: new Set([...cited, ...evidence]) };
  }
}

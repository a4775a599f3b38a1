// Plain JSON Lines: a query with its answers, and perhaps documents that are none, as texts in one line. Files are named for their
// split: train.jsonl (or sft.jsonl), rl.jsonl, dev.jsonl, test.jsonl; corpus.jsonl may add documents.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readDocuments } from '../corpus.js';
import { isObject, readJsonl, type LinePlace } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import type { DatasetSplit, Source, SourceDocument } from '../source.js';
import { asString, idField, listField, textField } from './fields.js';

const shape =
  'an object with `query` (a text), `positives` or `pos` (a text or a list of texts) and perhaps `_id`, `negatives` or `neg`, `reasoning`';
const splitOf: Readonly<Record<string, DatasetSplit>> = {
  train: 'sft',
  sft: 'sft',
  rl: 'rl',
  dev: 'dev',
  test: 'test',
};

interface Row {
  id: string;
  query: string;
  positives: string[];
  negatives: string[];
  reasoning: string | null;
  split: DatasetSplit;
  file: string;
  line: number;
}

/** The folder as a source; a document is named by the first line that holds its text. Fails with class `data`. */
export async function readJsonlPairs(dir: string): Promise<Source> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.jsonl') && name !== 'corpus.jsonl').sort();
  const unknown = names.find((name) => splitOf[name.slice(0, -'.jsonl'.length)] === undefined);
  if (unknown !== undefined || names.length === 0)
    throw dataError(
      unknown ?? '.',
      null,
      `${unknown === undefined ? 'there is no .jsonl file' : 'its name is not that of a split'}; expected ${Object.keys(splitOf).join('.jsonl, ')}.jsonl, and perhaps corpus.jsonl`,
    );
  const hasCorpus = (await readdir(dir)).includes('corpus.jsonl');
  const idOf = new Map<string, string>();
  return {
    name: 'jsonl-pairs',
    files: { documents: hasCorpus ? 'corpus.jsonl' : names.join(', '), queries: names.join(', ') },
    documents: () => documents(dir, names, { hasCorpus, idOf }),
    async *queries() {
      for await (const { id, query, file, line } of rows(dir, names)) yield { id, text: query, file, line };
    },
    async *judgements() {
      for await (const { id, positives, split, file, line } of rows(dir, names))
        for (const text of new Set(positives))
          yield { query: id, document: idOf.get(text) ?? '', grade: 1, split, file, line };
    },
    async *extras() {
      for await (const { id, negatives, reasoning, file, line } of rows(dir, names))
        yield { query: id, reasoning, negatives: negatives.map((text) => idOf.get(text) ?? ''), file, line };
    },
    notes: () => ({}),
    warnings: [],
  };
}

/** The documents of corpus.jsonl, then each text that is not among them, once. */
async function* documents(
  dir: string,
  names: readonly string[],
  { hasCorpus, idOf }: { hasCorpus: boolean; idOf: Map<string, string> },
): AsyncGenerator<SourceDocument> {
  if (hasCorpus) {
    for await (const { id, text, title, line } of readDocuments(join(dir, 'corpus.jsonl'))) {
      if (!idOf.has(text)) idOf.set(text, id);
      yield { id, text, title, file: 'corpus.jsonl', line };
    }
  }
  for await (const { positives, negatives, file, line } of rows(dir, names)) {
    for (const [i, text] of [...positives, ...negatives].entries()) {
      if (idOf.has(text)) continue;
      const id = `${file.slice(0, -'.jsonl'.length)}-${line}-${i + 1}`;
      idOf.set(text, id);
      yield { id, text, title: null, file, line };
    }
  }
}

async function* rows(dir: string, names: readonly string[]): AsyncGenerator<Row> {
  for (const file of names) {
    const stem = file.slice(0, -'.jsonl'.length);
    for await (const { value, line, at } of readJsonl(join(dir, file), file, shape)) {
      const query = textField(value, 'query', at);
      const positives = texts(value, ['positives', 'pos'], at);
      if (query.trim() === '' || positives.length === 0)
        throw dataError(
          file,
          line,
          `${query.trim() === '' ? 'the query is empty' : 'there is no positive'}; expected ${shape}`,
        );
      const hasId = isObject(value) && value['_id'] !== undefined;
      const reasoning = textField(value, 'reasoning', at, true);
      yield {
        id: hasId ? idField(value, '_id', at) : `${stem}-${line}`,
        query,
        positives,
        negatives: texts(value, ['negatives', 'neg'], at),
        reasoning: reasoning === '' ? null : reasoning,
        split: splitOf[stem] ?? 'sft',
        file,
        line,
      };
    }
  }
}

/** A text or a list of texts, under the first of the names that is there. */
function texts(value: unknown, names: readonly string[], at: LinePlace): string[] {
  const name = names.find((one) => isObject(value) && value[one] !== undefined);
  if (name === undefined) return [];
  if (isObject(value) && typeof value[name] === 'string') return [value[name]];
  return listField(value, name, at, { item: asString });
}

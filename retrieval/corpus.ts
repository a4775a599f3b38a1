// The documents of an index: ids by row, and which documents have the same text. Texts are not kept.
import { createHash } from 'node:crypto';
import { readJsonl, stringField } from './jsonl.js';
import { dataError } from './retrieval-error.js';

export interface Corpus {
  /** Id of each row. */
  ids: string[];
  rowOf: Map<string, number>;
  /** Rows with the same text, for rows that have such; each list holds all of them, ascending. */
  sameText: Map<number, readonly number[]>;
}

export const documentShape = 'an object with a non-empty string `_id` and a string `text`';

/** Reads corpus.jsonl; row = line in order. Fails with class `data`, file and line for a malformed line or a second use of an id. */
export async function readCorpus(path: string, label = 'corpus.jsonl'): Promise<Corpus> {
  const ids: string[] = [];
  const rowOf = new Map<string, number>();
  const byText = new Map<string, number[]>();
  for await (const { id, text, line } of readDocuments(path, label)) {
    const before = rowOf.get(id);
    if (before !== undefined)
      throw dataError(
        label,
        line,
        `the id ${JSON.stringify(id)} is already that of document ${before + 1}; ids must differ`,
      );
    const digest = createHash('sha256').update(text).digest('base64');
    const same = byText.get(digest);
    if (same === undefined) byText.set(digest, [ids.length]);
    else same.push(ids.length);
    rowOf.set(id, ids.length);
    ids.push(id);
  }
  const sameText = new Map<number, readonly number[]>();
  for (const rows of byText.values()) if (rows.length > 1) for (const row of rows) sameText.set(row, rows);
  return { ids, rowOf, sameText };
}

/** How many documents corpus.jsonl has; nothing of them is kept. Fails as readDocuments does. */
export async function countDocuments(path: string): Promise<number> {
  const documents = readDocuments(path);
  let count = 0;
  while ((await documents.next()).done !== true) count += 1;
  return count;
}

/** Documents of corpus.jsonl in order. */
export async function* readDocuments(
  path: string,
  label = 'corpus.jsonl',
): AsyncGenerator<{ id: string; text: string; title: string | null; line: number }> {
  for await (const { value, line, at } of readJsonl(path, label, documentShape)) {
    const id = stringField(value, '_id', at);
    const { text, title } = value as Record<string, unknown>;
    if (typeof text !== 'string')
      throw dataError(
        label,
        line,
        `\`text\` is ${text === undefined ? 'missing' : JSON.stringify(text)}; expected ${documentShape}`,
      );
    if (title !== undefined && title !== null && typeof title !== 'string') {
      throw dataError(label, line, `\`title\` is ${JSON.stringify(title)}; expected a string, or no title`);
    }
    yield { id, text, title: title ?? null, line };
  }
}

/** Other rows with the text of this one. Pure. */
export const duplicatesOf = (corpus: Corpus, row: number): readonly number[] =>
  corpus.sameText.get(row)?.filter((other) => other !== row) ?? [];

/** Place of each row's id among all ids, ascending by bytes, as trec_eval compares document numbers. Pure. */
export function idOrderOf(ids: readonly string[]): Int32Array {
  const keys = ids.map((id) => Buffer.from(id, 'utf8'));
  const rows = keys.map((_, row) => row).sort((a, b) => Buffer.compare(keys[a] as Buffer, keys[b] as Buffer));
  const order = new Int32Array(rows.length);
  rows.forEach((row, place) => {
    order[row] = place;
  });
  return order;
}

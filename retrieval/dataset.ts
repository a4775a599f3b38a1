// Reads the queries and judgements of a dataset artifact.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Corpus } from './corpus.js';
import { isObject, readJsonl, stringField } from './jsonl.js';
import { dataError } from './retrieval-error.js';

export interface JudgedQuery {
  id: string;
  text: string;
  /** The instruction around the text, from its set, {} standing for the text; null = none. */
  instruction: string | null;
  /** Relevant documents: grade above 0. */
  relevant: { row: number; grade: number }[];
  /** Documents judged, whatever the grade. */
  judged: Set<number>;
}

const queryShape = 'an object with the strings `_id`, `text` and `split`';
const judgementShape = 'an object with the strings `query` and `document` and an integer `grade`';

/**
 * Queries of a split with at least one relevant document, in the file's order, and how many had none. Fails with class
 * `data`, file and line for a malformed line or a judgement of a document that the corpus does not have.
 */
export async function readSplit(
  dir: string,
  split: string,
  corpus: Corpus,
): Promise<{ queries: JudgedQuery[]; excluded: number }> {
  const byId = new Map<string, JudgedQuery>();
  const instructions = await instructionsOf(dir);
  for await (const { value, at } of readJsonl(join(dir, 'queries.jsonl'), 'queries.jsonl', queryShape)) {
    const id = stringField(value, '_id', at);
    const text = stringField(value, 'text', at);
    if (stringField(value, 'split', at) === split) {
      const set = isObject(value) ? value['set'] : undefined;
      const instruction = typeof set === 'string' ? (instructions.get(set) ?? null) : null;
      byId.set(id, { id, text, instruction, relevant: [], judged: new Set() });
    }
  }
  for await (const { query, row, grade } of judgements(dir, byId, corpus)) {
    query.judged.add(row);
    if (grade > 0) query.relevant.push({ row, grade });
  }
  const queries = [...byId.values()].filter((query) => query.relevant.length > 0);
  return { queries, excluded: byId.size - queries.length };
}

/**
 * The grades of the positives of each query, in their order. Fails as readSplit does, and where the dataset does not judge one
 * of them relevant.
 */
export async function readGrades(
  dir: string,
  queries: readonly { id: string; positives: readonly number[] }[],
  corpus: Corpus,
): Promise<number[][]> {
  const byId = new Map(queries.map(({ id }) => [id, new Map<number, number>()]));
  for await (const { query, row, grade } of judgements(dir, byId, corpus))
    query.set(row, Math.max(grade, query.get(row) ?? grade));
  return queries.map(({ id, positives }) =>
    positives.map((row) => {
      const grade = byId.get(id)?.get(row) ?? 0;
      if (grade > 0) return grade;
      const missing = `no grade above 0 of the document ${JSON.stringify(corpus.ids[row])} for the query ${JSON.stringify(id)}`;
      throw dataError(
        'qrels.jsonl',
        null,
        `${missing}, which is a positive of the rollouts; both must come from the same dataset`,
      );
    }),
  );
}

/** The judgements of these queries, with what stands for each. */
async function* judgements<Query>(
  dir: string,
  queries: ReadonlyMap<string, Query>,
  corpus: Corpus,
): AsyncGenerator<{ query: Query; row: number; grade: number }> {
  for await (const { value, line, at } of readJsonl(join(dir, 'qrels.jsonl'), 'qrels.jsonl', judgementShape)) {
    const query = queries.get(stringField(value, 'query', at));
    if (query === undefined) continue;
    const document = stringField(value, 'document', at);
    const row = corpus.rowOf.get(document);
    if (row === undefined)
      throw dataError('qrels.jsonl', line, `document ${JSON.stringify(document)} is not in corpus.jsonl`);
    const grade = isObject(value) ? value['grade'] : undefined;
    if (typeof grade !== 'number')
      throw dataError('qrels.jsonl', line, `\`grade\` is not a number; expected ${judgementShape}`);
    yield { query, row, grade };
  }
}

/** The instruction of each set of a mixture that has one. */
async function instructionsOf(dir: string): Promise<Map<string, string>> {
  let sets: unknown;
  try {
    const manifest: unknown = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8'));
    sets = isObject(manifest) ? manifest['sets'] : undefined;
  } catch {
    return new Map(); // a folder of files that no step has made
  }
  const entries = isObject(sets) ? Object.entries(sets) : [];
  return new Map(
    entries.flatMap(([name, set]) =>
      isObject(set) && typeof set['prompt'] === 'string' ? [[name, set['prompt']] as const] : [],
    ),
  );
}

/** The rows that are relevant to a query of these splits. Fails as readSplit does. */
export async function relevantInSplits(dir: string, splits: readonly string[], corpus: Corpus): Promise<Set<number>> {
  const rows = new Set<number>();
  for (const split of splits)
    for (const { relevant } of (await readSplit(dir, split, corpus)).queries)
      for (const { row } of relevant) rows.add(row);
  return rows;
}

/** At most `limit` queries (0 = all) by the hash of their ids, in the given order: the same ones for every seed and model. Pure. */
export function limitQueries(queries: JudgedQuery[], limit: number): JudgedQuery[] {
  if (limit === 0 || queries.length <= limit) return queries;
  const hash = (query: JudgedQuery): string => createHash('sha256').update(query.id).digest('hex');
  const kept = new Set(
    queries
      .map((query) => ({ id: query.id, hash: hash(query) }))
      .sort((a, b) => (a.hash < b.hash ? -1 : 1))
      .slice(0, limit)
      .map(({ id }) => id),
  );
  return queries.filter((query) => kept.has(query.id));
}

/** Unjudged documents with the text of a relevant one: they are answers too, so they neither count nor are counted against. Pure. */
export function unjudgedDuplicates(query: JudgedQuery, corpus: Corpus): Int32Array {
  const same = query.relevant.flatMap(({ row }) => [...(corpus.sameText.get(row) ?? [])]);
  return Int32Array.from(new Set(same.filter((row) => !query.judged.has(row))));
}

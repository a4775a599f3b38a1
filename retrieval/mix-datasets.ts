// Several data sets as one: corpora united, ids kept apart, each query with the name of its set. Sets come in the order of their names.
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetManifest } from '../schemas/generated/dataset.js';
import { canonicalJson } from '../schemas/canonical-json.js';
import { readDocuments } from './corpus.js';
import { isObject, readJsonl, stringField } from './jsonl.js';
import { dataError, RetrievalError } from './retrieval-error.js';
import { writeLines } from './write-lines.js';

export interface MixedSet {
  name: string;
  /** Its folder. */
  path: string;
  /** How often it is drawn from, relative to the others; null: as often as its share of the queries of sft. */
  weight: number | null;
  /** Put around each query when a model reads it; {} stands for the query. Null: as the model has it. */
  prompt: string | null;
}

interface Ids {
  /** Name and id, as `[name, id]` in JSON, to the id in the mix. */
  documents: Map<string, string>;
  queries: Map<string, string>;
}

/**
 * Writes the mix and returns its manifest. An id that several sets have gets the name of its set and a colon before it in all of them.
 * With `merge`, documents of the same text become the first of them. Fails with class `data` for a set that is a mix itself.
 */
export async function mixDatasets(
  sets: readonly MixedSet[],
  { dir, merge }: { dir: string; merge: boolean },
): Promise<DatasetManifest> {
  const manifests = await Promise.all(sets.map(readManifest));
  const shared = { documents: await sharedIds(sets, 'corpus.jsonl'), queries: await sharedIds(sets, 'queries.jsonl') };
  const ids: Ids = { documents: new Map(), queries: new Map() };
  const counts = { corpus: 0, merged: 0, judgements: 0, reasoning: 0, pairs: 0, negatives: 0, trainedAndTested: 0 };
  await writeLines(join(dir, 'corpus.jsonl'), documents(sets, { shared: shared.documents, ids, merge, counts }));
  await writeLines(join(dir, 'queries.jsonl'), queries(sets, { shared: shared.queries, ids, counts }));
  const judged = await judgements(sets, ids);
  counts.judgements = judged.size;
  await writeLines(join(dir, 'qrels.jsonl'), judged.values());
  await optional(sets, dir, 'reasoning', (row, set) => {
    counts.reasoning++;
    return { ...row, query: queryOf(ids, set, row) };
  });
  await optional(sets, dir, 'pairs', (row, set) => {
    counts.pairs++;
    return { ...row, document: documentOf(ids, set, row['document']) };
  });
  await optional(sets, dir, 'negatives', (row, set) => {
    const query = queryOf(ids, set, row);
    const known = (row['negatives'] as unknown[]).map((id) => documentOf(ids, set, id));
    // A merged document may be an answer of the query.
    const negatives = [...new Set(known)].filter(
      (document) => (judged.get(JSON.stringify([query, document]))?.grade ?? 0) <= 0,
    );
    if (negatives.length === 0) return null;
    counts.negatives++;
    return { query, negatives };
  });
  const manifest = manifestOf(sets, manifests, counts);
  await writeFile(join(dir, 'manifest.json'), `${canonicalJson(manifest)}\n`);
  return manifest;
}

type Counts = Record<
  'corpus' | 'merged' | 'judgements' | 'reasoning' | 'pairs' | 'negatives' | 'trainedAndTested',
  number
>;

function manifestOf(sets: readonly MixedSet[], manifests: readonly DatasetManifest[], counts: Counts): DatasetManifest {
  const queries: Record<string, number> = {};
  for (const { queries: own } of manifests)
    for (const [split, count] of Object.entries(own)) queries[split] = (queries[split] ?? 0) + count;
  const own = sets.map(({ name, weight, prompt }, i) => {
    const manifest = manifests[i] as DatasetManifest;
    return [
      name,
      {
        ...(prompt === null ? {} : { prompt }),
        weight: weight ?? manifest.queries['sft'] ?? 0,
        corpus: manifest.corpus,
        queries: manifest.queries,
      },
    ] as const;
  });
  const { corpus, judgements, reasoning, pairs, negatives, merged, trainedAndTested } = counts;
  return {
    ...{ schema: 1, name: 'mix', corpus, queries, judgements, reasoning, pairs },
    ...(negatives > 0 ? { negatives } : {}),
    sets: Object.fromEntries(own),
    notes: { merged, trainedAndTested },
  };
}

async function readManifest({ name, path }: MixedSet): Promise<DatasetManifest> {
  const manifest = JSON.parse(await readFile(join(path, 'manifest.json'), 'utf8')) as DatasetManifest;
  if (manifest.sets !== undefined)
    throw new RetrievalError(
      'data',
      `\`${name}\` is a mix itself, of ${Object.keys(manifest.sets).join(', ')}. Mix its parts instead.`,
    );
  return manifest;
}

/** Ids that more than one set has. */
async function sharedIds(sets: readonly MixedSet[], file: string): Promise<Set<string>> {
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { name, path } of sets) {
    const own = new Set<string>();
    for await (const { value, at } of readJsonl(join(path, file), `${name}/${file}`, 'an object with `_id`'))
      own.add(stringField(value, '_id', at));
    for (const id of own) (seen.has(id) ? shared : seen).add(id);
  }
  return shared;
}

const key = (set: MixedSet, id: string): string => JSON.stringify([set.name, id]);
const renamed = (set: MixedSet, id: string, shared: ReadonlySet<string>): string =>
  shared.has(id) ? `${set.name}:${id}` : id;

async function* documents(
  sets: readonly MixedSet[],
  { shared, ids, merge, counts }: { shared: ReadonlySet<string>; ids: Ids; merge: boolean; counts: Counts },
): AsyncGenerator<{ _id: string; text: string; title?: string }> {
  const byText = new Map<string, string>();
  const taken = new Set<string>();
  for (const set of sets) {
    const file = `${set.name}/corpus.jsonl`;
    for await (const { id, text, title, line } of readDocuments(join(set.path, 'corpus.jsonl'), file)) {
      const digest = createHash('sha256').update(text).digest('base64');
      const first = byText.get(digest);
      if (merge && first !== undefined) {
        ids.documents.set(key(set, id), first);
        counts.merged++;
        continue;
      }
      const own = renamed(set, id, shared);
      refuseTaken(taken, own, { file, line });
      byText.set(digest, own);
      ids.documents.set(key(set, id), own);
      counts.corpus++;
      yield { _id: own, text, ...(title === null ? {} : { title }) };
    }
  }
}

async function* queries(
  sets: readonly MixedSet[],
  { shared, ids, counts }: { shared: ReadonlySet<string>; ids: Ids; counts: Counts },
): AsyncGenerator<Record<string, unknown>> {
  const taken = new Set<string>();
  const kindsOf = new Map<string, Set<'trained' | 'tested'>>();
  for (const set of sets) {
    const file = `${set.name}/queries.jsonl`;
    for await (const { value, line, at } of readJsonl(join(set.path, 'queries.jsonl'), file, 'a query')) {
      const id = stringField(value, '_id', at);
      const own = renamed(set, id, shared);
      refuseTaken(taken, own, { file, line });
      ids.queries.set(key(set, id), own);
      const text = stringField(value, 'text', at);
      const split = stringField(value, 'split', at);
      const kinds = kindsOf.get(text) ?? new Set();
      kindsOf.set(text, kinds.add(split === 'dev' || split === 'test' ? 'tested' : 'trained'));
      yield { _id: own, text, split, set: set.name };
    }
  }
  counts.trainedAndTested = [...kindsOf.values()].filter(({ size }) => size === 2).length;
}

function refuseTaken(taken: Set<string>, id: string, { file, line }: { file: string; line: number }): void {
  if (taken.has(id))
    throw dataError(
      file,
      line,
      `in the mix its id is ${JSON.stringify(id)}, which another one has; rename one of them`,
    );
  taken.add(id);
}

/** Judgements by query and document; of documents that were merged, the higher grade counts. */
async function judgements(
  sets: readonly MixedSet[],
  ids: Ids,
): Promise<Map<string, { query: string; document: string; grade: number }>> {
  const judged = new Map<string, { query: string; document: string; grade: number }>();
  const lines = rows(sets, 'qrels.jsonl', (row, set) => {
    return {
      query: queryOf(ids, set, row),
      document: documentOf(ids, set, row['document']),
      grade: Number(row['grade']),
    };
  });
  for await (const line of lines as AsyncGenerator<{ query: string; document: string; grade: number }>) {
    const at = JSON.stringify([line.query, line.document]);
    judged.set(at, { ...line, grade: Math.max(line.grade, judged.get(at)?.grade ?? line.grade) });
  }
  return judged;
}

type Row = Record<string, unknown>;
type Mapped = (row: Row, set: MixedSet) => Row | null;

/** The lines of a file in all sets that have it, as `map` makes them; null: left out. */
async function* rows(sets: readonly MixedSet[], file: string, map: Mapped): AsyncGenerator<Row> {
  for (const set of sets) {
    if (!(await readdir(set.path)).includes(file)) continue;
    for await (const { value } of readJsonl(join(set.path, file), `${set.name}/${file}`, 'an object')) {
      const row = isObject(value) ? map(value, set) : null;
      if (row !== null) yield row;
    }
  }
}

async function optional(sets: readonly MixedSet[], dir: string, name: string, map: Mapped): Promise<void> {
  const file = `${name}.jsonl`;
  const has = await Promise.all(sets.map(async ({ path }) => (await readdir(path)).includes(file)));
  if (has.includes(true)) await writeLines(join(dir, file), rows(sets, file, map));
}

const queryOf = (ids: Ids, set: MixedSet, row: Row): string => known(ids.queries, set, row['query'], 'queries.jsonl');
const documentOf = (ids: Ids, set: MixedSet, id: unknown): string => known(ids.documents, set, id, 'corpus.jsonl');

function known(map: ReadonlyMap<string, string>, set: MixedSet, id: unknown, holder: string): string {
  const found = map.get(key(set, String(id)));
  if (found === undefined)
    throw new RetrievalError(
      'data',
      `The data set \`${set.name}\` names ${JSON.stringify(id)}, which is not in its ${holder}.`,
    );
  return found;
}

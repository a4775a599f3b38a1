// Writes a data set of any format as a dataset artifact, and checks it: ids are unique, judgements name what there is, a query
// belongs to one split, and each query that is kept has an answer.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetManifest } from '../schemas/generated/dataset.js';
import { canonicalJson } from '../schemas/canonical-json.js';
import { dataError, RetrievalError } from './retrieval-error.js';
import type { DatasetSplit, Place, Source, SourceDocument, SourceJudgement } from './source.js';
import { writeLines } from './write-lines.js';

interface Judged {
  /** Split of each query with a relevant document. */
  split: Map<string, DatasetSplit>;
  lines: { query: string; document: string; grade: number }[];
  /** Queries with any judgement. */
  seen: number;
}

/** Writes the files of the artifact into `dir` and returns its manifest. Fails with class `data`, file and line. */
export async function writeDataset(source: Source, dir: string): Promise<DatasetManifest> {
  const documents = new Map<string, Place>();
  await writeLines(join(dir, 'corpus.jsonl'), corpusLines(source.documents(), documents));
  if (documents.size === 0) throw dataError(source.files.documents, null, 'there is no document');
  const queries = await readQueries(source);
  const judged = await readJudgements(source, queries, documents);
  const kept = [...queries].flatMap(([_id, text]) => {
    const split = judged.split.get(_id);
    return split === undefined ? [] : [{ _id, text, split }];
  });
  await writeLines(join(dir, 'queries.jsonl'), kept);
  await writeLines(join(dir, 'qrels.jsonl'), judged.lines);
  const extras = await writeExtras(source, dir, { queries, documents, judged });
  const perSplit: Record<string, number> = {};
  for (const split of judged.split.values()) perSplit[split] = (perSplit[split] ?? 0) + 1;
  const manifest: DatasetManifest = {
    schema: 1,
    name: source.name,
    corpus: documents.size,
    queries: perSplit,
    judgements: judged.lines.length,
    ...extras,
    pairs: 0,
    notes: {
      withoutJudgement: queries.size - judged.seen,
      withoutRelevant: judged.seen - judged.split.size,
      ...source.notes(),
    },
  };
  await writeFile(join(dir, 'manifest.json'), `${canonicalJson(manifest)}\n`);
  return manifest;
}

async function* corpusLines(
  documents: AsyncIterable<SourceDocument>,
  places: Map<string, Place>,
): AsyncGenerator<{ _id: string; text: string; title?: string }> {
  for await (const { id, text, title, file, line } of documents) {
    refuseTwice(places, id, { file, line });
    const whole = title === null || title === '' ? text : `${title} ${text}`;
    if (whole.trim() === '')
      throw dataError(
        file,
        line,
        `document ${JSON.stringify(id)} has neither title nor text; expected one of them to say something`,
      );
    yield { _id: id, text: whole, ...(title ? { title } : {}) };
  }
}

async function readQueries(source: Source): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  const places = new Map<string, Place>();
  for await (const { id, text, file, line } of source.queries()) {
    refuseTwice(places, id, { file, line });
    texts.set(id, text);
  }
  return texts;
}

/** All judgements of queries that have a relevant document. */
async function readJudgements(
  source: Source,
  queries: ReadonlyMap<string, string>,
  documents: ReadonlyMap<string, Place>,
): Promise<Judged> {
  const first = new Map<string, SourceJudgement>();
  const places = new Map<string, Place>();
  const all: SourceJudgement[] = [];
  for await (const judgement of source.judgements()) {
    const { query, document, split, file, line } = judgement;
    requireKnown('query', query, queries, source.files.queries, judgement);
    requireKnown('document', document, documents, source.files.documents, judgement);
    const before = first.get(query);
    if (before !== undefined && before.split !== split)
      throw dataError(
        file,
        line,
        `query ${JSON.stringify(query)} is also in ${before.file}; expected each query in one split, so that none is trained on and tested on`,
      );
    refuseTwice(places, `${query}\t${document}`, { file, line });
    if (before === undefined) first.set(query, judgement);
    all.push(judgement);
  }
  const relevant = new Set(all.filter(({ grade }) => grade > 0).map(({ query }) => query));
  if (relevant.size === 0)
    throw new RetrievalError('data', 'No judgement has a score above 0, so no query has an answer.');
  const lines = all
    .filter(({ query }) => relevant.has(query))
    .map(({ query, document, grade }) => ({ query, document, grade: Math.max(0, grade) }));
  const split = new Map(
    [...first].flatMap(([query, one]) => (relevant.has(query) ? [[query, one.split] as const] : [])),
  );
  return { split, lines, seen: first.size };
}

interface Known {
  queries: ReadonlyMap<string, string>;
  documents: ReadonlyMap<string, Place>;
  judged: Judged;
}

/** Reasoning and negatives of queries that are kept; files without a line are not written. */
async function writeExtras(
  source: Source,
  dir: string,
  { queries, documents, judged }: Known,
): Promise<Pick<DatasetManifest, 'reasoning' | 'negatives'>> {
  const reasoning: unknown[] = [];
  const negatives: { query: string; negatives: string[] }[] = [];
  const places = new Map<string, Place>();
  for await (const extra of source.extras()) {
    const { query, file, line } = extra;
    requireKnown('query', query, queries, source.files.queries, extra);
    refuseTwice(places, query, { file, line });
    for (const document of extra.negatives)
      requireKnown('document', document, documents, source.files.documents, extra);
    if (!judged.split.has(query)) continue;
    if (extra.reasoning !== null) reasoning.push({ query, text: extra.reasoning });
    if (extra.negatives.length > 0) negatives.push({ query, negatives: [...new Set(extra.negatives)] });
  }
  if (reasoning.length > 0) await writeLines(join(dir, 'reasoning.jsonl'), reasoning);
  if (negatives.length > 0) await writeLines(join(dir, 'negatives.jsonl'), negatives);
  return { reasoning: reasoning.length, ...(negatives.length > 0 ? { negatives: negatives.length } : {}) };
}

function requireKnown(
  what: 'query' | 'document',
  id: string,
  known: ReadonlyMap<string, unknown>,
  holder: string,
  { file, line }: Place,
): void {
  if (!known.has(id)) throw dataError(file, line, `${what} ${JSON.stringify(id)} is not in ${holder}`);
}

function refuseTwice(places: Map<string, Place>, id: string, { file, line }: Place): void {
  const before = places.get(id);
  if (before !== undefined)
    throw dataError(file, line, `${JSON.stringify(id)} is already ${placeFrom(before, file)}; expected each once`);
  places.set(id, { file, line });
}

/** A place as it is said in another one. Pure. */
function placeFrom({ file, line }: Place, here: string): string {
  if (line === null) return `at ${file}`;
  return file === here ? `on line ${line}` : `at ${file}:${line}`;
}

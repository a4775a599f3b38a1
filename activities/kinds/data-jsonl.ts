// data.jsonl: a data set in the BEIR layout, checked, as a dataset artifact.
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  findQrels,
  readBeirCorpus,
  readBeirQueries,
  readQrels,
  readReasoning,
  type DatasetSplit,
  type Judgement,
} from '../../retrieval/beir.js';
import { dataError } from '../../retrieval/retrieval-error.js';
import { canonicalJson } from '../../schemas/identity.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { fileInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const { path: folder } = fileInput(context.inputs, 'folder');
  const dir = await context.outputDir('dataset');
  const documents = new Set<string>();
  await writeLines(
    join(dir, 'corpus.jsonl'),
    noting(readBeirCorpus(folder), ({ _id }) => documents.add(_id)),
  );
  if (documents.size === 0) throw dataError('corpus.jsonl', null, 'there is no document');
  context.progress(1, 3, `${documents.size} documents`);
  const queries = await readBeirQueries(folder);
  const judged = await readJudgements(context, folder, queries, documents);
  context.progress(2, 3, `${judged.split.size} judged queries`);
  await writeLines(
    join(dir, 'queries.jsonl'),
    [...queries].flatMap(([_id, text]) => (judged.split.has(_id) ? [{ _id, text, split: judged.split.get(_id) }] : [])),
  );
  await writeLines(join(dir, 'qrels.jsonl'), judged.lines);
  let reasoning = 0;
  const texts = keeping(
    readReasoning(folder, (id) => queries.has(id)),
    ({ query }) => judged.split.has(query),
  );
  await writeLines(
    join(dir, 'reasoning.jsonl'),
    noting(texts, () => reasoning++),
  );
  if (reasoning === 0) await rm(join(dir, 'reasoning.jsonl'));
  const perSplit: Record<string, number> = {};
  for (const split of judged.split.values()) perSplit[split] = (perSplit[split] ?? 0) + 1;
  const manifest = {
    schema: 1,
    name: 'jsonl',
    corpus: documents.size,
    queries: perSplit,
    judgements: judged.lines.length,
    reasoning,
    pairs: 0,
    notes: {
      withoutJudgement: queries.size - judged.seen,
      withoutRelevant: judged.seen - judged.split.size,
      leftOut: judged.left,
    },
  };
  await writeFile(join(dir, 'manifest.json'), `${canonicalJson(manifest)}\n`);
  return { corpus: documents.size, queries: judged.split.size };
}

interface Judged {
  /** Split of each query with a relevant document. */
  split: Map<string, DatasetSplit>;
  lines: { query: string; document: string; grade: number }[];
  /** Queries with any judgement. */
  seen: number;
  /** Tables not read. */
  left: string[];
}

/** All judgements of queries that have a relevant document; a query belongs to one split. */
async function readJudgements(
  context: KindContext,
  folder: string,
  queries: Map<string, string>,
  documents: Set<string>,
): Promise<Judged> {
  const { files, left } = await findQrels(folder);
  for (const name of left) context.log('warning', `qrels/${name} is left out, because there is a qrels/sft.tsv`);
  const first = new Map<string, { split: DatasetSplit; table: string }>();
  const all: Judgement[] = [];
  for (const [split, table] of files) {
    const known = { hasQuery: (id: string) => queries.has(id), hasDocument: (id: string) => documents.has(id) };
    for await (const judgement of readQrels(folder, table, known)) {
      const before = first.get(judgement.query);
      if (before !== undefined && before.split !== split) {
        throw dataError(
          `qrels/${table}`,
          judgement.line,
          `query ${JSON.stringify(judgement.query)} is also in qrels/${before.table}; expected each query in one split, so that none is trained on and tested on`,
        );
      }
      first.set(judgement.query, { split, table });
      all.push(judgement);
    }
  }
  const relevant = new Set(all.filter(({ grade }) => grade > 0).map(({ query }) => query));
  if (relevant.size === 0)
    throw new StepFailure('data', 'No judgement in qrels/ has a score above 0, so no query has an answer.');
  const lines = all
    .filter(({ query }) => relevant.has(query))
    .map(({ query, document, grade }) => ({ query, document, grade }));
  const split = new Map(
    [...first].flatMap(([query, place]) => (relevant.has(query) ? [[query, place.split] as const] : [])),
  );
  return { split, lines, seen: first.size, left };
}

const writeLines = (path: string, values: Iterable<unknown> | AsyncIterable<unknown>): Promise<void> =>
  pipeline(Readable.from(asLines(values)), createWriteStream(path));

async function* asLines(values: Iterable<unknown> | AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${JSON.stringify(value)}\n`;
}

async function* noting<T>(values: AsyncIterable<T>, note: (value: T) => unknown): AsyncGenerator<T> {
  for await (const value of values) {
    note(value);
    yield value;
  }
}

async function* keeping<T>(values: AsyncIterable<T>, keep: (value: T) => boolean): AsyncGenerator<T> {
  for await (const value of values) if (keep(value)) yield value;
}

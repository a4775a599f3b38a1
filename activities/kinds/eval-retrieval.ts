// eval.retrieval: encodes the whole corpus with the model, never the served index, and ranks the queries of a split: plain (no
// reasoning), after greedy or sampled reasoning, and under BM25.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCorpus, type Corpus } from '../../retrieval/corpus.js';
import { limitQueries, readSplit, unjudgedDuplicates, type JudgedQuery } from '../../retrieval/dataset.js';
import { linkFile } from '../../retrieval/link-file.js';
import type { JudgedRank } from '../../retrieval/metrics.js';
import {
  declaredMetrics,
  queryFigures,
  type EvaluationMode,
  type ModeRanks,
  type QueryFigures,
} from '../../retrieval/report.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { indexFromVectors, type VectorIndex } from '../../retrieval/vector-index.js';
import { canonicalJson } from '../../schemas/identity.js';
import type { Report } from '../../schemas/generated/report.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { checkVectors, encode, readVectors, vectorFile } from './encode.js';
import { artifactInput, integerInput, numberInput, stringInput } from './inputs.js';
import { openParts, type Parts } from './parts.js';

/** What all modes share. */
interface Task {
  context: KindContext;
  parts: Parts;
  model: LocalArtifact;
  queries: JudgedQuery[];
  ignored: Int32Array[];
  corpus: Corpus;
  idOrder: Int32Array;
  /** Path of corpus.jsonl. */
  documents: string;
  /** The queries as _id and text. */
  texts: string;
  batch: number;
  /** Folder of the report. */
  out: string;
}

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const modes = modesInput(context);
  const split = stringInput(context.inputs, 'split');
  const { task, excluded } = await prepare(context, split);
  const index = modes.some((mode) => mode !== 'bm25') ? await encodeCorpus(task) : null;
  const lines: QueryFigures[] = [];
  const figures: Report['modes'] = {};
  const ids = task.queries.map((query) => query.id);
  for (const [i, mode] of modes.entries()) {
    context.progress(i, modes.length, `mode ${mode}`);
    const ranks = mode === 'bm25' || index === null ? await rankBm25(task) : await rankByModel(task, index, mode);
    const own = queryFigures(mode, ids, ranks);
    lines.push(...own);
    figures[mode] = await retrievalThreads().run('modeFigures', { queries: own, ranks });
  }
  const duplicates = new Set(task.ignored.flatMap((rows) => [...rows])).size;
  const report: Report = {
    schema: 1,
    split,
    queries: ids.length,
    excluded,
    corpus: task.corpus.ids.length,
    duplicates,
    modes: figures,
  };
  await writeFile(join(task.out, 'report.json'), `${canonicalJson(report)}\n`);
  await writeFile(join(task.out, 'queries.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return declaredMetrics(figures);
}

async function prepare(context: KindContext, split: string): Promise<{ task: Task; excluded: number }> {
  const data = artifactInput(context.inputs, 'data');
  const documents = join(data.path, 'corpus.jsonl');
  const corpus = await readCorpus(documents);
  const found = await readSplit(data.path, split, corpus);
  const queries = limitQueries(found.queries, integerInput(context.inputs, 'queries'));
  if (queries.length === 0) {
    throw new StepFailure(
      'data',
      `The split \`${split}\` has no query with a relevant document (${found.excluded} without); evaluate another split, or add judgements.`,
    );
  }
  const texts = join(context.workDir, 'queries.jsonl');
  await writeFile(texts, queries.map(({ id, text }) => `${JSON.stringify({ _id: id, text })}\n`).join(''));
  const task: Task = {
    context,
    parts: await openParts(context),
    model: artifactInput(context.inputs, 'model'),
    queries,
    ignored: queries.map((query) => unjudgedDuplicates(query, corpus)),
    corpus,
    idOrder: await retrievalThreads().run('idOrderOf', corpus.ids),
    documents,
    texts,
    batch: integerInput(context.inputs, 'batch'),
    out: await context.outputDir('report'),
  };
  return { task, excluded: found.excluded };
}

async function encodeCorpus({ context, parts, model, corpus, documents, batch }: Task): Promise<VectorIndex> {
  const count = corpus.ids.length;
  context.progress(0, count, 'documents to encode');
  const encoded = await encode(parts, {
    ...{ name: 'documents', model, texts: documents, rows: null, count, batch },
    role: 'document',
  });
  return indexFromVectors(await readVectors(encoded.file), encoded.dimension);
}

/** The ranks of a mode, as a part of the step: JSON keeps them exactly. */
async function ranksOf(parts: Parts, mode: EvaluationMode, rank: () => Promise<ModeRanks>): Promise<ModeRanks> {
  const file = 'ranks.json';
  const dir = await parts.part(`${mode}-ranks`, null, async (part) => {
    await writeFile(join(part.dir, file), JSON.stringify(await rank()));
    return 1;
  });
  return JSON.parse(await readFile(join(dir, file), 'utf8')) as ModeRanks;
}

const rankBm25 = ({ context, parts, queries, ignored, idOrder, documents }: Task): Promise<ModeRanks> =>
  ranksOf(parts, 'bm25', async () => {
    const ranks = await retrievalThreads().run('bm25Ranks', {
      corpus: documents,
      queries: queries.map((query) => query.text),
      relevant: queries.map(relevantRows),
      ignored,
      idOrder,
      settings: { k1: numberInput(context.inputs, 'bm25_k1'), b: numberInput(context.inputs, 'bm25_b') },
    });
    return queries.map((query, i) => [judge(query, ranks[i])]);
  });

async function rankByModel(task: Task, index: VectorIndex, mode: 'plain' | 'greedy' | 'sampled'): Promise<ModeRanks> {
  const samples = mode === 'sampled' ? integerInput(task.context.inputs, 'samples') : 1;
  const embedded = mode === 'plain' ? await encodeQueries(task) : await reason(task, mode, samples, index.dimension);
  return ranksOf(task.parts, mode, () => rankEmbedded(task, index, embedded, samples));
}

async function rankEmbedded(task: Task, index: VectorIndex, found: Embedded, samples: number): Promise<ModeRanks> {
  const { queries, ignored, idOrder } = task;
  const { vectors, valid } = found;
  const places = valid.flatMap((isValid, place) => (isValid ? [place] : []));
  const owner = (place: number): number => Math.floor(place / samples);
  const embedded = new Float32Array(places.length * index.dimension);
  places.forEach((place, i) => {
    embedded.set(vectors.subarray(place * index.dimension, (place + 1) * index.dimension), i * index.dimension);
  });
  const ranked = await retrievalThreads().run('evaluationRanks', {
    index,
    queries: embedded,
    relevant: places.map((place) => relevantRows(queries[owner(place)] as JudgedQuery)),
    ignored: places.map((place) => ignored[owner(place)] as Int32Array),
    idOrder,
  });
  const ranks = queries.map(() => Array.from<JudgedRank[] | null>({ length: samples }).fill(null));
  places.forEach((place, i) => {
    const query = owner(place);
    (ranks[query] as (JudgedRank[] | null)[])[place % samples] = judge(queries[query] as JudgedQuery, ranked[i]);
  });
  return ranks;
}

interface Embedded {
  /** queries x samples rows, query-major. */
  vectors: Float32Array;
  valid: boolean[];
}

async function encodeQueries({ parts, model, queries, texts, batch }: Task): Promise<Embedded> {
  const { length: count } = queries;
  const { file } = await encode(parts, { name: 'plain', model, texts, rows: null, count, role: 'query', batch });
  return { vectors: await readVectors(file), valid: queries.map(() => true) };
}

/** Lets the model reason before it embeds; the texts stay in the report as reasoning-<mode>.jsonl. */
async function reason(
  { context, parts, model, queries, texts, batch, out: report }: Task,
  mode: 'greedy' | 'sampled',
  samples: number,
  dimension: number,
): Promise<Embedded> {
  const name = `reasoning-${mode}.jsonl`;
  const count = queries.length * samples;
  const temperature = numberInput(context.inputs, 'temperature');
  const min_new = integerInput(context.inputs, 'min_new');
  const dir = await parts.part(mode, null, async (part) => {
    const out = join(part.dir, vectorFile);
    const samples_out = join(part.dir, name);
    const inputs = { model, texts, mode, samples, temperature, min_new, batch, out, samples_out };
    const { metrics } = await part.engine({ op: 'reason', inputs, seed: context.seed });
    await checkVectors(out, count, dimension);
    return metrics['steps'] ?? 1;
  });
  await linkFile(join(dir, name), join(report, name));
  return { vectors: await readVectors(join(dir, vectorFile)), valid: await readValid(join(dir, name), count) };
}

async function readValid(path: string, count: number): Promise<boolean[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  if (lines.length !== count)
    throw new StepFailure('trainer_crash', `The trainer wrote ${lines.length} reasonings; ${count} were asked for.`);
  return lines.map((line) => Boolean((JSON.parse(line) as { valid?: unknown }).valid));
}

const relevantRows = (query: JudgedQuery): number[] => query.relevant.map(({ row }) => row);

/** Grades with ranks; rank 0 stands for not retrieved. */
const judge = (query: JudgedQuery, ranks: Int32Array | undefined): JudgedRank[] =>
  query.relevant.map(({ grade }, i) => ({ grade, rank: ranks?.[i] === 0 ? null : (ranks?.[i] ?? null) }));

function modesInput({ inputs }: KindContext): EvaluationMode[] {
  const known: readonly string[] = ['plain', 'greedy', 'sampled', 'bm25'];
  const modes = inputs['modes'];
  const isGood =
    Array.isArray(modes) && modes.length > 0 && modes.every((mode) => typeof mode === 'string' && known.includes(mode));
  if (!isGood)
    throw new StepFailure('config', `\`modes\` is ${JSON.stringify(modes)}; list at least one of ${known.join(', ')}.`);
  return [...new Set(modes as EvaluationMode[])];
}

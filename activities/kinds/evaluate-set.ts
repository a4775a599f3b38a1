// One data set of an evaluation: encodes the whole corpus with the model, never the served index, and ranks the queries of a split
// in each mode. Every part of the work is a part of the step.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCorpus } from '../../retrieval/corpus.js';
import {
  limitQueries,
  readSplit,
  relevantInSplits,
  unjudgedDuplicates,
  type JudgedQuery,
} from '../../retrieval/dataset.js';
import type { JudgedRank } from '../../retrieval/metrics.js';
import { queryFigures, type EvaluationMode, type QueryFigures, type SampleRanks } from '../../retrieval/report.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { indexOverFile, type VectorIndex } from '../../retrieval/vector-index.js';
import { StepFailure } from '../kind.js';
import { chooseBm25, type Bm25Choice } from './bm25-choice.js';
import { encode, joinVectors, readEncodingContract, readVectors } from './encode.js';
import { booleanInput, integerInput, numberInput, stringInput, stringListInput } from './inputs.js';
import { nameIn, type EvaluationSet, type SetTask } from './evaluation-task.js';
import { reason, type Embedded } from './reason.js';
import { coveringFiles, readShards } from './shard-files.js';

export interface EvaluatedSet {
  name: string | null;
  queries: number;
  excluded: number;
  corpus: number;
  duplicates: number;
  bm25: Bm25Choice | null;
  lines: Map<EvaluationMode, QueryFigures[]>;
}

/** The figures of every query of a set. Fails with class `data` when the split has no query with a relevant document. */
export async function evaluateSet(
  base: Pick<SetTask, 'context' | 'parts' | 'model' | 'out'>,
  set: EvaluationSet,
  modes: readonly EvaluationMode[],
): Promise<EvaluatedSet> {
  const { task, excluded } = await prepare(base, set);
  const index = modes.some((mode) => mode !== 'bm25') ? await encodeCorpus(task) : null;
  const bm25 = modes.includes('bm25') ? await chooseBm25(task) : null;
  const lines: EvaluatedSet['lines'] = new Map();
  const marks = await marksOf(task);
  for (const [i, mode] of modes.entries()) {
    base.context.progress(i, modes.length, `${set.name === null ? '' : `${set.name}: `}mode ${mode}`);
    const ranks = index === null || mode === 'bm25' ? await rankBm25(task, bm25) : await rankByModel(task, index, mode);
    lines.set(
      mode,
      task.queries.map(({ id }, query) => ({ ...marks[query], ...queryFigures(id, mode, ranks[query] ?? []) })),
    );
  }
  return {
    name: set.name,
    queries: task.queries.length,
    excluded,
    corpus: task.corpus.ids.length,
    duplicates: new Set(task.ignored.flatMap((rows) => [...rows])).size,
    bm25,
    lines,
  };
}

/** What the lines of a query say beside its figures: the name of the set, and whether its answers are unseen. */
async function marksOf({ context, set, corpus, queries }: SetTask): Promise<Pick<QueryFigures, 'set' | 'unseen'>[]> {
  const named = set.name === null ? {} : { set: set.name };
  const splits = stringListInput(context.inputs, 'unseen_in');
  if (splits.length === 0) return queries.map(() => named);
  const seen = await relevantInSplits(set.data.path, splits, corpus);
  return queries.map(({ relevant }) => ({ ...named, unseen: !relevant.some(({ row }) => seen.has(row)) }));
}

async function prepare(
  base: Pick<SetTask, 'context' | 'parts' | 'model' | 'out'>,
  set: EvaluationSet,
): Promise<{ task: SetTask; excluded: number }> {
  const { inputs, workDir } = base.context;
  const split = stringInput(inputs, 'split');
  const documents = join(set.data.path, 'corpus.jsonl');
  const corpus = await readCorpus(documents);
  const found = await readSplit(set.data.path, split, corpus);
  const queries = limitQueries(found.queries, integerInput(inputs, 'queries'));
  if (queries.length === 0) {
    const of = set.name === null ? '' : ` of \`${set.name}\``;
    throw new StepFailure(
      'data',
      `The split \`${split}\`${of} has no query with a relevant document (${found.excluded} without); evaluate another split, or add judgements.`,
    );
  }
  const texts = join(workDir, nameIn(set, 'queries.jsonl'));
  const asked = queries.map(({ id, text, instruction }) => ({
    ...{ _id: id, text },
    ...(instruction !== null && { prompt: instruction }),
  }));
  await writeFile(texts, asked.map((query) => `${JSON.stringify(query)}\n`).join(''));
  const leaveOut = booleanInput(inputs, 'leave_out_duplicates');
  const task: SetTask = {
    ...base,
    set,
    queries,
    ignored: queries.map((query) => (leaveOut ? unjudgedDuplicates(query, corpus) : new Int32Array())),
    corpus,
    idOrder: await retrievalThreads().run('idOrderOf', corpus.ids),
    documents,
    texts,
  };
  return { task, excluded: found.excluded };
}

async function encodeCorpus({ context, parts, model, set, corpus, documents }: SetTask): Promise<VectorIndex> {
  const count = corpus.ids.length;
  const batch = integerInput(context.inputs, 'batch');
  const name = nameIn(set, 'documents');
  if (context.shards !== null) {
    const { dimension } = await readEncodingContract(model);
    const files = coveringFiles(await readShards(context.shards, { set: set.name }), { first: 0, rows: count });
    context.progress(0, count, 'rows to put together');
    return indexOverFile(await joinVectors(parts, { name, rows: null, files, count, dimension }), count, dimension);
  }
  context.progress(0, count, 'documents to encode');
  const encoded = await encode(parts, {
    ...{ name, model, texts: documents, rows: null, count, batch },
    role: 'document',
  });
  return indexOverFile(encoded.file, count, encoded.dimension);
}

/** The ranks of a mode, as a part of the step: JSON keeps them exactly. */
async function ranksOf(
  { parts, set }: SetTask,
  mode: EvaluationMode,
  rank: () => Promise<SampleRanks[][]>,
): Promise<SampleRanks[][]> {
  const file = 'ranks.json';
  const dir = await parts.part(nameIn(set, `${mode}-ranks`), null, async (part) => {
    await writeFile(join(part.dir, file), JSON.stringify(await rank()));
    return 1;
  });
  return JSON.parse(await readFile(join(dir, file), 'utf8')) as SampleRanks[][];
}

const rankBm25 = (task: SetTask, choice: Bm25Choice | null): Promise<SampleRanks[][]> =>
  ranksOf(task, 'bm25', async () => {
    const { inputs } = task.context;
    const { k1, b } = choice ?? { k1: numberInput(inputs, 'bm25_k1'), b: numberInput(inputs, 'bm25_b') };
    const ranks = await retrievalThreads().run('bm25Ranks', {
      corpus: task.documents,
      queries: task.queries.map((query) => query.text),
      relevant: task.queries.map(relevantRows),
      ignored: task.ignored,
      idOrder: task.idOrder,
      settings: { k1, b },
    });
    return task.queries.map((query, i) => [{ judged: judge(query, ranks[i]) }]);
  });

async function rankByModel(
  task: SetTask,
  index: VectorIndex,
  mode: 'plain' | 'greedy' | 'sampled',
): Promise<SampleRanks[][]> {
  const samples = mode === 'sampled' ? integerInput(task.context.inputs, 'samples') : 1;
  const embedded = mode === 'plain' ? await encodeQueries(task) : await reason(task, mode, samples, index.dimension);
  return ranksOf(task, mode, () => rankEmbedded(task, index, embedded, samples));
}

async function rankEmbedded(
  task: SetTask,
  index: VectorIndex,
  found: Embedded,
  samples: number,
): Promise<SampleRanks[][]> {
  const { queries, ignored, idOrder } = task;
  const { vectors, answers } = found;
  const places = answers.flatMap(({ valid }, place) => (valid ? [place] : []));
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
  const judgedAt = new Map(places.map((place, i) => [place, judge(queries[owner(place)] as JudgedQuery, ranked[i])]));
  return queries.map((_, query) =>
    answers.slice(query * samples, (query + 1) * samples).map(({ strict }, sample) => ({
      judged: judgedAt.get(query * samples + sample) ?? null,
      ...(strict === undefined ? {} : { strict }),
    })),
  );
}

async function encodeQueries({ context, parts, model, set, queries, texts }: SetTask): Promise<Embedded> {
  const { length: count } = queries;
  const batch = integerInput(context.inputs, 'batch');
  const name = nameIn(set, 'plain');
  const { file } = await encode(parts, { name, model, texts, rows: null, count, role: 'query', batch });
  return { vectors: await readVectors(file), answers: queries.map(() => ({ valid: true })) };
}

const relevantRows = (query: JudgedQuery): number[] => query.relevant.map(({ row }) => row);

/** Grades with ranks; rank 0 stands for not retrieved. */
const judge = (query: JudgedQuery, ranks: Int32Array | undefined): JudgedRank[] =>
  query.relevant.map(({ grade }, i) => ({ grade, rank: ranks?.[i] === 0 ? null : (ranks?.[i] ?? null) }));

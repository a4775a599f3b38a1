// The rankings from which hard negatives are taken: by the embeddings of a model, in an index that is given or made here, or by BM25.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Corpus } from '../../retrieval/corpus.js';
import type { JudgedQuery } from '../../retrieval/dataset.js';
import type { Ranking } from '../../retrieval/hard-negatives.js';
import { loadIndex, readIndexManifest } from '../../retrieval/read-index.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { dot, indexFromVectors, vectorOf, type VectorIndex } from '../../retrieval/vector-index.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { encode, readVectors } from './encode.js';
import { artifactInput, integerInput, numberInput, optionalArtifact, stringInput } from './inputs.js';
import { openParts, type Parts } from './parts.js';

export interface MiningTask {
  context: KindContext;
  data: LocalArtifact;
  corpus: Corpus;
  queries: readonly JudgedQuery[];
  /** How many documents of each ranking are asked for. */
  k: number;
}

type RankedQuery = Omit<Ranking, 'excluded'>;

/** A ranking a query. Fails with class `data` for an index of another corpus. */
export async function rankForMining(task: MiningTask): Promise<RankedQuery[]> {
  const { inputs } = task.context;
  if (stringInput(inputs, 'by') === 'bm25') return rankByBm25(task);
  return rankByModel(task, artifactInput(inputs, 'model'), optionalArtifact(inputs, 'index'));
}

async function rankByBm25({ context, data, queries, k }: MiningTask): Promise<RankedQuery[]> {
  const { inputs } = context;
  const found = await retrievalThreads().run('bm25Top', {
    corpus: join(data.path, 'corpus.jsonl'),
    queries: queries.map(({ text }) => text),
    named: queries.map(({ relevant }) => relevant.map(({ row }) => row)),
    k,
    settings: { k1: numberInput(inputs, 'bm25_k1'), b: numberInput(inputs, 'bm25_b') },
  });
  return found.map(({ rows, scores, named }) => ({ rows, scores, positives: named }));
}

async function rankByModel(
  task: MiningTask,
  model: LocalArtifact,
  given: LocalArtifact | null,
): Promise<RankedQuery[]> {
  const { context, data, corpus, queries, k } = task;
  const parts = await openParts(context);
  const index =
    given === null ? await encodeCorpus(parts, task, model) : await readGiven(context, given, { corpus, model });
  const texts = join(context.workDir, 'queries.jsonl');
  const asked = queries.map(({ id, text, instruction }) => ({
    ...{ _id: id, text },
    ...(instruction !== null && { prompt: instruction }),
  }));
  await writeFile(texts, asked.map((query) => `${JSON.stringify(query)}\n`).join(''));
  const batch = integerInput(context.inputs, 'batch');
  const call = { name: 'queries', model, texts, rows: null, count: queries.length, batch };
  const vectors = await readVectors((await encode(parts, { ...call, role: 'query' })).file);
  context.progress(queries.length, queries.length, `queries of ${data.identity.slice(0, 12)} encoded`);
  const top = await retrievalThreads().run('topRows', { index, queries: vectors, k });
  return queries.map(({ relevant }, i) => {
    const query = vectors.subarray(i * index.dimension, (i + 1) * index.dimension);
    return {
      rows: top.rows.subarray(i * top.k, (i + 1) * top.k),
      scores: top.scores.subarray(i * top.k, (i + 1) * top.k),
      positives: relevant.map(({ row }) => dot(query, vectorOf(index, row))),
    };
  });
}

async function encodeCorpus(
  parts: Parts,
  { context, data, corpus }: MiningTask,
  model: LocalArtifact,
): Promise<VectorIndex> {
  const texts = join(data.path, 'corpus.jsonl');
  const batch = integerInput(context.inputs, 'batch');
  const call = { name: 'documents', model, texts, rows: null, count: corpus.ids.length, batch };
  const { file, dimension } = await encode(parts, { ...call, role: 'document' });
  return indexFromVectors(await readVectors(file), dimension);
}

async function readGiven(
  context: KindContext,
  artifact: LocalArtifact,
  { corpus, model }: { corpus: Corpus; model: LocalArtifact },
): Promise<VectorIndex> {
  const manifest = await readIndexManifest(artifact.path);
  const loaded = await loadIndex(artifact.path, manifest);
  const isSame =
    loaded.corpus.ids.length === corpus.ids.length && loaded.corpus.ids.every((id, row) => id === corpus.ids[row]);
  if (!isSame)
    throw new StepFailure(
      'data',
      'The index is of another corpus than the data set. Give the index that index.build made of this data set, or none: then the corpus is encoded here.',
    );
  const others = manifest.encoders.filter(({ model: encoder }) => encoder !== model.identity).length;
  if (others > 0)
    context.log(
      'warning',
      `the index has rows of ${others} other model${others === 1 ? '' : 's'}; their scores are not those of the model that is given`,
    );
  return loaded.index;
}

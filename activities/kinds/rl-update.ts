// rl.update: the operation `update` of the trainer, with the embeddings of documents out of the index beside it where asked for.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { indexCache } from '../../retrieval/index-cache.js';
import { isObject, readJsonl } from '../../retrieval/jsonl.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { dataError } from '../../retrieval/retrieval-error.js';
import { gatherRows } from '../../retrieval/vector-index.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { artifactInput, numberInput, optionalArtifact, stringInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const { inputs, seed } = context;
  const index = optionalArtifact(inputs, 'index');
  const isWanted =
    stringInput(inputs, 'auxiliary_documents') === 'index' && numberInput(inputs, 'auxiliary_weight') > 0;
  const documents = index !== null && isWanted ? await writeDocuments(context, index) : null;
  const done = await context.engine({ op: 'update', inputs: { ...inputs, documents }, seed });
  return done.metrics;
}

/** Writes ids.jsonl and vectors.f32 of the positives of all queries of the rollouts; returns the folder. */
async function writeDocuments(context: KindContext, index: LocalArtifact): Promise<string> {
  const rollouts = artifactInput(context.inputs, 'rollouts');
  return indexCache().withIndex(index, async (loaded) => {
    const rows = await positives(rollouts, loaded);
    const folder = join(context.workDir, 'documents');
    await mkdir(folder, { recursive: true });
    const ids = rows.map((row) => `${JSON.stringify({ document: loaded.corpus.ids[row] })}\n`);
    await writeFile(join(folder, 'ids.jsonl'), ids.join(''));
    const vectors = gatherRows(loaded.index, rows);
    await writeFile(
      join(folder, 'vectors.f32'),
      new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength),
    );
    return folder;
  });
}

/** The rows of the positives of all queries, each once, in their order. Fails with class `data` when one is not in the index. */
async function positives(rollouts: LocalArtifact, { corpus }: LoadedIndex): Promise<number[]> {
  const rows = new Set<number>();
  const shape = 'an object with `positives`, a list of document ids';
  for await (const { value, line } of readJsonl(join(rollouts.path, 'queries.jsonl'), 'queries.jsonl', shape)) {
    const listed = isObject(value) ? value['positives'] : null;
    if (!Array.isArray(listed)) throw dataError('queries.jsonl', line, `expected ${shape}`);
    for (const document of listed as unknown[]) {
      const row = typeof document === 'string' ? corpus.rowOf.get(document) : undefined;
      if (row === undefined) {
        const place = `the positive ${JSON.stringify(document)} is not in the index`;
        throw dataError('queries.jsonl', line, `${place}; rollouts and index must come from the same dataset`);
      }
      rows.add(row);
    }
  }
  return [...rows];
}

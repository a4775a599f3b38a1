// index.build: the files of an index, from the whole corpus, encoded here shard after shard, or from what shards that ran side by side have
// encoded. What is in memory at a time is the texts of a shard.
import { join } from 'node:path';
import { readCorpus } from '../../retrieval/corpus.js';
import { extensions, joinRows, writeBuiltIndex, type BuiltShard } from '../../retrieval/write-index.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { corpusLayout, encodeStretch, type CorpusLayout, type Stretch } from './corpus-layout.js';
import { openParts } from './parts.js';
import { coveringFiles, readShards } from './shard-files.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const layout = await corpusLayout(context, async (texts) => (await readCorpus(texts)).ids.length);
  const { texts, dimension, type, model, bases } = layout;
  if (bases.length === 0) throw new StepFailure('data', 'corpus.jsonl has no document, so there is nothing to index.');
  const dir = await context.outputDir('index');
  const write = await writerOf(context, layout);
  const total = bases.reduce((sum, { rows }) => sum + rows, 0);
  const shards: BuiltShard[] = [];
  for (const [i, { first, rows }] of bases.entries()) {
    const file = join(dir, `base-${i}${extensions[type]}`);
    await write({ first, rows, to: file });
    shards.push({ first, rows, file });
    context.progress(first + rows, total, context.shards === null ? 'documents encoded' : 'rows put together');
  }
  const manifest = await writeBuiltIndex({ dir, corpus: texts, dimension, type, model: model.identity, shards });
  return { rows: manifest.rows, dimension };
}

/** Writes the rows of one shard of the index: encodes them, or takes them from where they were encoded. */
async function writerOf(
  context: KindContext,
  layout: CorpusLayout,
): Promise<(base: Stretch & { to: string }) => Promise<void>> {
  if (context.shards === null) {
    const parts = await openParts(context);
    return (base) => encodeStretch(parts, layout, { ...base, name: `base-${base.first}` });
  }
  const files = await readShards(context.shards, {});
  const { type, dimension } = layout;
  return ({ to, ...base }) => joinRows(coveringFiles(files, base), { from: type, to, type, dimension });
}

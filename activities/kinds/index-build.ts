// index.build: encodes the whole corpus, shard after shard, into the files of the index. What is in memory at a time is the texts of a shard.
import { join } from 'node:path';
import { readCorpus } from '../../retrieval/corpus.js';
import { linkFile } from '../../retrieval/link-file.js';
import type { RowType } from '../../retrieval/row-files.js';
import { maxShardBytes, planShards, rowsIn } from '../../retrieval/vector-index.js';
import { convertRows, extensions, writeBuiltIndex, type BuiltShard } from '../../retrieval/write-index.js';
import type { KindContext } from '../kind.js';
import { StepFailure } from '../kind.js';
import { encode, readEncodingContract } from './encode.js';
import { artifactInput, integerInput, stringInput } from './inputs.js';
import { openParts } from './parts.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const model = artifactInput(context.inputs, 'model');
  const batch = integerInput(context.inputs, 'batch');
  const type = stringInput(context.inputs, 'dtype') as RowType;
  const texts = join(artifactInput(context.inputs, 'data').path, 'corpus.jsonl');
  const { dimension } = await readEncodingContract(model);
  const { length: total } = (await readCorpus(texts)).ids;
  if (total === 0) throw new StepFailure('data', 'corpus.jsonl has no document, so there is nothing to index.');
  const dir = await context.outputDir('index');
  const asked = integerInput(context.inputs, 'shard_rows');
  const plan = planShards(total, asked === 0 ? rowsIn(maxShardBytes, dimension, type) : asked);
  const parts = await openParts(context);
  const shards: BuiltShard[] = [];
  for (const [i, { first, rows }] of plan.entries()) {
    const name = `base-${i}`;
    const file = join(dir, `${name}${extensions[type]}`);
    const only = plan.length === 1 ? null : Array.from({ length: rows }, (_, row) => first + row);
    const vectors = await encode(parts, { name, model, texts, rows: only, count: rows, role: 'document', batch });
    if (type === 'float32') await linkFile(vectors.file, file);
    else await convertRows({ from: vectors.file, to: file, rows, dimension, type });
    shards.push({ first, rows, file });
    context.progress(first + rows, total, 'documents encoded');
  }
  const manifest = await writeBuiltIndex({ dir, corpus: texts, dimension, type, model: model.identity, shards });
  return { rows: manifest.rows, dimension };
}

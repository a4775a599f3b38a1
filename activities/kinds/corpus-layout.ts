// How a corpus is cut for its index: into the index's own shards, each encoded in blocks. What runs side by side takes whole blocks, so
// each row is encoded beside the same rows however many activities share the work, and comes out with the same bits.
import { join } from 'node:path';
import type { RowType } from '../../retrieval/row-files.js';
import { shareOf, type Share } from '../../retrieval/share.js';
import { maxShardBytes, planShards, rowsIn } from '../../retrieval/vector-index.js';
import { joinRows } from '../../retrieval/write-index.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { encode, readEncodingContract } from './encode.js';
import { artifactInput, integerInput, stringInput } from './inputs.js';
import type { Parts } from './parts.js';

/** Rows that the trainer sorts by length and encodes together: BLOCK of trainer/pawl_trainer/encode.py. */
export const blockRows = 32_768;

/** Rows in a row. */
export interface Stretch {
  first: number;
  rows: number;
}

export interface CorpusLayout {
  model: LocalArtifact;
  /** Path of corpus.jsonl. */
  texts: string;
  type: RowType;
  batch: number;
  dimension: number;
  /** The shards of the index. */
  bases: Stretch[];
}

/** What the inputs of the step say of a corpus of so many documents. Fails with class `data` for a model without pawl.json. */
export async function corpusLayout(
  { inputs }: Pick<KindContext, 'inputs'>,
  count: (texts: string) => Promise<number>,
): Promise<CorpusLayout> {
  const model = artifactInput(inputs, 'model');
  const type = stringInput(inputs, 'dtype') as RowType;
  const texts = join(artifactInput(inputs, 'data').path, 'corpus.jsonl');
  const { dimension } = await readEncodingContract(model);
  const asked = integerInput(inputs, 'shard_rows');
  const bases = planShards(await count(texts), asked === 0 ? rowsIn(maxShardBytes, dimension, type) : asked);
  return { model, texts, type, batch: integerInput(inputs, 'batch'), dimension, bases };
}

/** The stretches that a shard encodes: whole blocks, as many as the others, none across two bases. Pure. */
export function stretchesOf(bases: readonly Stretch[], share: Share): Stretch[] {
  const blocks = bases.flatMap((base, of) =>
    planShards(base.rows, blockRows).map(({ first, rows }) => ({ of, first: base.first + first, rows })),
  );
  const own = shareOf(blocks, share);
  return [...new Set(own.map(({ of }) => of))].map((base) => {
    const together = own.filter(({ of }) => of === base);
    return { first: together[0]?.first ?? 0, rows: together.reduce((sum, { rows }) => sum + rows, 0) };
  });
}

/** Encodes a stretch as a part of the step and leaves its rows, as the index keeps them, at `to`. */
export async function encodeStretch(
  parts: Parts,
  { model, texts, type, batch, dimension, bases }: CorpusLayout,
  { first, rows, to }: Stretch & { to: string },
): Promise<void> {
  const isAll = first === 0 && bases[0]?.rows === rows && bases.length === 1;
  const only = isAll ? null : Array.from({ length: rows }, (_, row) => first + row);
  const name = `base-${first}`;
  const call = { name, model, texts, rows: only, count: rows, role: 'document' as const, batch };
  const { file } = await encode(parts, call);
  await joinRows([{ file, rows }], { to, dimension, from: 'float32', type });
}

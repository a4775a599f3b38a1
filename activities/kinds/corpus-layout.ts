// How a corpus is cut for encoding: into the shards of its index (for an evaluation it is one), each encoded in blocks. What runs side by side takes whole blocks, so
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
  /** The lines of `texts` that are encoded, ascending, where it is not all of them; stretches then are of this list. */
  list?: readonly number[];
}

/** What the inputs of a step that builds an index say of a corpus of so many documents. Fails with class `data` for a model without pawl.json. */
export async function corpusLayout(
  { inputs }: Pick<KindContext, 'inputs'>,
  count: (texts: string) => Promise<number>,
): Promise<CorpusLayout> {
  const data = artifactInput(inputs, 'data');
  const type = stringInput(inputs, 'dtype') as RowType;
  const asked = integerInput(inputs, 'shard_rows');
  return layoutOf(inputs, data, count, (dimension) => ({
    type,
    most: asked === 0 ? rowsIn(maxShardBytes, dimension, type) : asked,
  }));
}

/** What the inputs of an evaluation say of the corpus of one of its data sets: one stretch of float32. Fails as corpusLayout does. */
export const evaluationLayout = (
  { inputs }: Pick<KindContext, 'inputs'>,
  data: LocalArtifact,
  count: (texts: string) => Promise<number>,
): Promise<CorpusLayout> => layoutOf(inputs, data, count, () => ({ type: 'float32', most: Infinity }));

/** What the inputs of a refresh say of these rows of its index: one stretch of float32. Fails as corpusLayout does. */
export const refreshLayout = async (
  { inputs }: Pick<KindContext, 'inputs'>,
  list: readonly number[],
): Promise<CorpusLayout> => {
  const count = (): Promise<number> => Promise.resolve(list.length);
  const cut = { type: 'float32', most: Infinity } as const;
  return { ...(await layoutOf(inputs, artifactInput(inputs, 'index'), count, () => cut)), list };
};

async function layoutOf(
  inputs: KindContext['inputs'],
  data: LocalArtifact,
  count: (texts: string) => Promise<number>,
  cutFor: (dimension: number) => { type: RowType; most: number },
): Promise<CorpusLayout> {
  const model = artifactInput(inputs, 'model');
  const texts = join(data.path, 'corpus.jsonl');
  const { dimension } = await readEncodingContract(model);
  const { type, most } = cutFor(dimension);
  const bases = planShards(await count(texts), most);
  return { model, texts, type, batch: integerInput(inputs, 'batch'), dimension, bases };
}

/** The stretches that a shard encodes: whole blocks, as many as the others, none across two bases; each says what its base says. Pure. */
export function stretchesOf<Base extends Stretch>(bases: readonly Base[], share: Share): Base[] {
  const blocks = bases.flatMap((base) =>
    planShards(base.rows, blockRows).map(({ first, rows }) => ({ base, first: base.first + first, rows })),
  );
  const own = shareOf(blocks, share);
  return [...new Set(own.map(({ base }) => base))].map((base) => {
    const together = own.filter((block) => block.base === base);
    const rows = together.reduce((sum, block) => sum + block.rows, 0);
    return { ...base, first: together[0]?.first ?? 0, rows };
  });
}

/** Encodes a stretch as a part of the step, of this name, and leaves its rows, as the index keeps them, at `to`. */
export async function encodeStretch(
  parts: Parts,
  { model, texts, type, batch, dimension, bases, list }: CorpusLayout,
  { name, first, rows, to }: Stretch & { name: string; to: string },
): Promise<void> {
  const isAll = first === 0 && bases[0]?.rows === rows && bases.length === 1;
  const lines = list?.slice(first, first + rows) ?? Array.from({ length: rows }, (_, row) => first + row);
  const only = isAll && list === undefined ? null : lines;
  const call = { name, model, texts, rows: only, count: rows, role: 'document' as const, batch };
  const { file } = await encode(parts, call);
  await joinRows([{ file, rows }], { to, dimension, from: 'float32', type });
}

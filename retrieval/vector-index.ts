// The exact index: document embeddings by row, cut into shards. A shard's vectors are in shared memory, where rows are overwritten in
// place, or stay in files (row-files.ts).
// Owns: the vectors, and per row the id of the encoder that made it. Does not own: the documents, what an encoder id means, any file.
// Invariants: I1 shards are consecutive and cover rows 0..rows-1. I2 vectors in memory are in shared memory, so that threads read them uncopied.
// I3 a row of type float16 is what its encoder gave, rounded once; what is computed with it is computed in float32.
// I4 a correction changes what is read and searched, never what is stored.
import { fromHalf, toHalf } from './half.js';
import {
  bytesOfNumber,
  emptyRows,
  readRow,
  readStretch,
  type RowArray,
  type RowFiles,
  type RowType,
} from './row-files.js';
import { moveRow, type RowCorrection } from './row-correction.js';

export interface Shard {
  /** Row number of its first row. */
  first: number;
  rows: number;
  /** rows x dimension, row-major. */
  vectors: RowArray | RowFiles;
  /** Encoder id of each row. */
  encoders: Uint16Array;
}

export interface VectorIndex {
  dimension: number;
  type: RowType;
  rows: number;
  shards: Shard[];
  /** Applied to each row that is read or searched; without it, rows are as they are stored. */
  correction?: RowCorrection;
}

/** Largest shard in bytes: below what one read() and one typed array may hold everywhere. */
export const maxShardBytes = 2 ** 30;

/** A shard of zeros in shared memory, made by encoder 0. */
export function emptyShard(first: number, rows: number, dimension: number, type: RowType = 'float32'): Shard {
  const buffer = new SharedArrayBuffer(rows * dimension * bytesOfNumber[type]);
  return {
    first,
    rows,
    vectors: type === 'float16' ? new Uint16Array(buffer) : new Float32Array(buffer),
    encoders: new Uint16Array(new SharedArrayBuffer(rows * 2)),
  };
}

/** Rows of which so many bytes hold vectors, at least 1. Pure. */
export const rowsIn = (maxBytes: number, dimension: number, type: RowType): number =>
  Math.max(1, Math.floor(maxBytes / (dimension * bytesOfNumber[type])));

/** Where shards of at most `most` rows begin and how many rows each has. Pure. */
export function planShards(rows: number, most: number): { first: number; rows: number }[] {
  const shards: { first: number; rows: number }[] = [];
  for (let first = 0; first < rows; first += most) shards.push({ first, rows: Math.min(most, rows - first) });
  return shards;
}

/**
 * An index over given vectors (rows x dimension), copied (and rounded to float16 where asked) into shards of at most `maxBytes`; all rows
 * made by encoder 0.
 */
export function indexFromVectors(
  vectors: Float32Array,
  dimension: number,
  maxBytes = maxShardBytes,
  type: RowType = 'float32',
): VectorIndex {
  const rows = vectors.length / dimension;
  const shards = planShards(rows, rowsIn(maxBytes, dimension, type)).map((part) => {
    const shard = emptyShard(part.first, part.rows, dimension, type);
    const own = vectors.subarray(part.first * dimension, (part.first + part.rows) * dimension);
    inMemory(shard).set(rowsOfType(own, type));
    return shard;
  });
  return { dimension, type, rows, shards };
}

/** An index over a file of raw float32 vectors, which stay in it; all rows made by encoder 0. */
export const indexOverFile = (base: string, rows: number, dimension: number): VectorIndex => ({
  ...{ dimension, type: 'float32', rows },
  shards: [
    { first: 0, rows, vectors: { base, deltas: [] }, encoders: new Uint16Array(new SharedArrayBuffer(rows * 2)) },
  ],
});

/** The shard that holds a row; a row outside the index is a bug. */
export function shardOf(index: VectorIndex, row: number): Shard {
  const shard = index.shards.find((part) => row >= part.first && row < part.first + part.rows);
  if (shard === undefined) throw new Error(`Internal error: row ${row} of an index of ${index.rows}`);
  return shard;
}

/** The vector of a row: to be read only, it may be a view. Blocks for a small read where the index stays in files. */
export function vectorOf(index: VectorIndex, row: number): Float32Array {
  const { dimension, type, correction } = index;
  const { first, vectors, encoders } = shardOf(index, row);
  const at = (row - first) * dimension;
  const own = ArrayBuffer.isView(vectors)
    ? vectors.subarray(at, at + dimension)
    : readRow(vectors, { first, dimension, type }, row);
  const stored = own instanceof Float32Array ? own : fromHalf(own);
  const strength = correction?.strengths[encoders[row - first] as number] ?? 0;
  if (correction === undefined || strength === 0) return stored;
  const moved = moveRow(correction.map, strength, stored);
  return type === 'float16' ? fromHalf(toHalf(moved)) : moved;
}

/** Encoder id of a row. */
export const encoderOf = (index: VectorIndex, row: number): number => {
  const shard = shardOf(index, row);
  return shard.encoders[row - shard.first] as number;
};

/** A copy of some rows, in the order asked for. */
export function gatherRows(index: VectorIndex, rows: ArrayLike<number>): Float32Array {
  const out = new Float32Array(rows.length * index.dimension);
  for (let i = 0; i < rows.length; i++) out.set(vectorOf(index, rows[i] as number), i * index.dimension);
  return out;
}

/** A copy of `count` rows of a shard from its row `at` on, as they are stored, outside shared memory. Fails as reading a file does. */
export async function copyStretch(index: VectorIndex, shard: Shard, at: number, count: number): Promise<RowArray> {
  const { dimension, type } = index;
  const { first, vectors } = shard;
  if (!ArrayBuffer.isView(vectors)) return readStretch(vectors, { first, dimension, type }, first + at, count);
  const copy = emptyRows(type, count, dimension);
  copy.set(vectors.subarray(at * dimension, (at + count) * dimension));
  return copy;
}

/** Writes vectors (in the order of `rows`) over rows in place, as made by `encoder`. Only in memory. */
export function overwriteRows(index: VectorIndex, rows: ArrayLike<number>, vectors: RowArray, encoder: number): void {
  const own = vectors instanceof Float32Array ? rowsOfType(vectors, index.type) : vectors;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const shard = shardOf(index, row);
    inMemory(shard).set(
      own.subarray(i * index.dimension, (i + 1) * index.dimension),
      (row - shard.first) * index.dimension,
    );
    shard.encoders[row - shard.first] = encoder;
  }
}

/** The vectors as an index of this type keeps them. Pure. */
export const rowsOfType = (vectors: Float32Array, type: RowType): RowArray =>
  type === 'float16' ? toHalf(vectors) : vectors;

/** The vectors of a shard in memory; of one in files, a bug. */
export function inMemory({ vectors }: Shard): RowArray {
  if (ArrayBuffer.isView(vectors)) return vectors;
  throw new Error('Internal error: the vectors of this shard are in files');
}

/** Inner product in double precision. Pure. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Cosine; NaN when a vector is zero or not finite. Pure. */
export const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

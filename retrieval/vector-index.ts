// The exact index in memory: document embeddings by row, cut into shards, rows overwritten in place.
// Owns: the vectors, and per row the id of the encoder that made it. Does not own: the documents, what an encoder id means, any file.
// Invariants: I1 shards are consecutive and cover rows 0..rows-1. I2 vectors lie in shared memory, so that threads read them uncopied.

export interface Shard {
  /** Row number of its first row. */
  first: number;
  rows: number;
  /** rows x dimension, row-major. */
  vectors: Float32Array;
  /** Encoder id of each row. */
  encoders: Uint16Array;
}

export interface VectorIndex {
  dimension: number;
  rows: number;
  shards: Shard[];
}

/** Largest shard in bytes: below what one read() and one typed array may hold everywhere. */
export const maxShardBytes = 2 ** 30;

/** A shard of zeros made by encoder 0. */
export function emptyShard(first: number, rows: number, dimension: number): Shard {
  return {
    first,
    rows,
    vectors: new Float32Array(new SharedArrayBuffer(rows * dimension * 4)),
    encoders: new Uint16Array(new SharedArrayBuffer(rows * 2)),
  };
}

/** Where shards begin and how many rows each has, for so many rows. Pure. */
export function planShards(
  rows: number,
  dimension: number,
  maxBytes = maxShardBytes,
): { first: number; rows: number }[] {
  const most = Math.max(1, Math.floor(maxBytes / (dimension * 4)));
  const shards: { first: number; rows: number }[] = [];
  for (let first = 0; first < rows; first += most) shards.push({ first, rows: Math.min(most, rows - first) });
  return shards;
}

/** An index over given vectors (rows x dimension), copied into shards of at most `maxBytes`; all rows made by encoder 0. */
export function indexFromVectors(vectors: Float32Array, dimension: number, maxBytes = maxShardBytes): VectorIndex {
  const rows = vectors.length / dimension;
  const shards = planShards(rows, dimension, maxBytes).map((part) => {
    const shard = emptyShard(part.first, part.rows, dimension);
    shard.vectors.set(vectors.subarray(part.first * dimension, (part.first + part.rows) * dimension));
    return shard;
  });
  return { dimension, rows, shards };
}

/** The shard that holds a row; a row outside the index is a bug. */
export function shardOf(index: VectorIndex, row: number): Shard {
  const shard = index.shards.find((part) => row >= part.first && row < part.first + part.rows);
  if (shard === undefined) throw new Error(`Internal error: row ${row} of an index of ${index.rows}`);
  return shard;
}

/** The vector of a row: a view, not a copy. */
export function vectorOf(index: VectorIndex, row: number): Float32Array {
  const shard = shardOf(index, row);
  const at = (row - shard.first) * index.dimension;
  return shard.vectors.subarray(at, at + index.dimension);
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

/** Writes vectors (in the order of `rows`) over rows in place, as made by `encoder`. */
export function overwriteRows(
  index: VectorIndex,
  rows: ArrayLike<number>,
  vectors: Float32Array,
  encoder: number,
): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const shard = shardOf(index, row);
    shard.vectors.set(
      vectors.subarray(i * index.dimension, (i + 1) * index.dimension),
      (row - shard.first) * index.dimension,
    );
    shard.encoders[row - shard.first] = encoder;
  }
}

/** Inner product in double precision. Pure. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Cosine; NaN when a vector is zero or not finite. Pure. */
export const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

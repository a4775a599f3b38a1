// Rows of a shard whose vectors stay in the files of an artifact: a base, and deltas that overwrite rows of it. Read when they are
// asked for, so that memory is bounded by what is asked for at once and not by the index.
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** How the numbers of a row are kept. */
export type RowType = 'float32' | 'float16';

/** Rows, row-major; float16 as bits. */
export type RowArray = Float32Array | Uint16Array;

export interface RowFiles {
  /** Path of the raw rows. */
  base: string;
  /** In the order in which they overwrite the base. `rows` are row numbers of the index, ascending; `vectors` is a path. */
  deltas: readonly { rows: Uint32Array; vectors: string }[];
}

/** What locates a row in files: the first row of the base, and the shape of one. */
export interface RowShape {
  first: number;
  dimension: number;
  type: RowType;
}

export const bytesOfNumber: Readonly<Record<RowType, number>> = { float32: 4, float16: 2 };

/** So many rows of zeros, outside shared memory. */
export const emptyRows = (type: RowType, rows: number, dimension: number): RowArray =>
  type === 'float16' ? new Uint16Array(rows * dimension) : new Float32Array(rows * dimension);

/** `count` rows from row `from` of the index on, with the deltas over them. Fails as reading a file does. */
export async function readStretch(
  files: RowFiles,
  { first, dimension, type }: RowShape,
  from: number,
  count: number,
): Promise<RowArray> {
  const out = emptyRows(type, count, dimension);
  await readPart(files.base, (from - first) * dimension, out);
  for (const { rows, vectors } of files.deltas) {
    const [start, end] = [placeOf(rows, from), placeOf(rows, from + count)];
    if (start === end) continue;
    const own = emptyRows(type, end - start, dimension);
    await readPart(vectors, start * dimension, own);
    for (let i = start; i < end; i++) {
      const at = (i - start) * dimension;
      out.set(own.subarray(at, at + dimension), ((rows[i] as number) - from) * dimension);
    }
  }
  return out;
}

/** One row: from the newest delta that holds it, or from the base. Blocks for one small read. */
export function readRow(files: RowFiles, { first, dimension, type }: RowShape, row: number): RowArray {
  const out = emptyRows(type, 1, dimension);
  const delta = files.deltas.findLast(({ rows }) => rows[placeOf(rows, row)] === row);
  const place = delta === undefined ? row - first : placeOf(delta.rows, row);
  const path = delta?.vectors ?? files.base;
  const file = openSync(path, 'r');
  try {
    const size = readSync(file, out, 0, out.byteLength, place * out.byteLength);
    if (size !== out.byteLength) throw new Error(`${path} ends before row ${place}`);
  } finally {
    closeSync(file);
  }
  return out;
}

/** The same files in another folder. Pure. */
export const inFolder = (files: RowFiles, dir: string): RowFiles => ({
  base: join(dir, basename(files.base)),
  deltas: files.deltas.map(({ rows, vectors }) => ({ rows, vectors: join(dir, basename(vectors)) })),
});

/** How many of the ascending rows lie before this one. Pure. */
export function placeOf(rows: Uint32Array, row: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rows[middle] as number) < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Fills `into` from element `start` of a file on. */
async function readPart(path: string, start: number, into: RowArray): Promise<void> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, start * into.BYTES_PER_ELEMENT + at);
      if (bytesRead === 0) throw new Error(`${path} ends before byte ${start * into.BYTES_PER_ELEMENT + bytes.length}`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

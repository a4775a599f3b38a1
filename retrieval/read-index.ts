// Reads an index artifact: into memory, or with its vectors left in its files.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { IndexManifest } from '../schemas/generated/index.js';
import * as validators from '../schemas/generated/validators.js';
import { readCorpus, type Corpus } from './corpus.js';
import { bytesOf, readArray } from './raw-array.js';
import { RetrievalError } from './retrieval-error.js';
import { bytesOfNumber, emptyRows, inFolder, type RowType } from './row-files.js';
import { emptyShard, inMemory, overwriteRows, type Shard, type VectorIndex } from './vector-index.js';

export interface LoadedIndex {
  manifest: IndexManifest;
  index: VectorIndex;
  corpus: Corpus;
}

export type ShardManifest = IndexManifest['shards'][number];
export type DeltaManifest = ShardManifest['deltas'][number];

/** The manifest of an index folder. Fails with class `artifact_damaged` when it is missing or not valid. */
export async function readIndexManifest(dir: string): Promise<IndexManifest> {
  let manifest: unknown;
  try {
    manifest = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8'));
  } catch (error) {
    throw damaged(`manifest.json cannot be read (${error instanceof Error ? error.message : String(error)})`);
  }
  if (!validators.index(manifest)) {
    const [first] = validators.index.errors ?? [];
    throw damaged(`manifest.json is not that of an index: ${first?.instancePath ?? ''} ${first?.message ?? ''}`);
  }
  return manifest as IndexManifest;
}

/** How the manifest says that rows are kept. Pure. */
export const rowTypeOf = (manifest: IndexManifest): RowType => manifest.dtype ?? 'float32';

/** Everything in memory: base rows, then deltas, then the corpus. Fails with class `artifact_damaged` or `data`. */
export async function loadIndex(dir: string, manifest: IndexManifest): Promise<LoadedIndex> {
  const type = rowTypeOf(manifest);
  const shards = await Promise.all(
    manifest.shards.map(async (part) => {
      const shard = emptyShard(part.first, part.rows, manifest.dimension, type);
      await readArray(join(dir, part.base), bytesOf(inMemory(shard)), wrongSize(part.base));
      await readArray(join(dir, part.encoders), bytesOf(shard.encoders), wrongSize(part.encoders));
      return shard;
    }),
  );
  const index: VectorIndex = { dimension: manifest.dimension, type, rows: manifest.rows, shards };
  for (const part of manifest.shards) await applyDeltas(dir, index, part.deltas);
  return { manifest, index, corpus: await corpusOf(dir, manifest) };
}

/**
 * The index with its vectors left in the files of the folder, which must stay while it is used: in memory are the encoder ids and the row numbers of the deltas,
 * and the corpus, where `corpus` does not bring it along. Fails with class `artifact_damaged` or `data`.
 */
export async function openIndex(dir: string, manifest: IndexManifest, corpus?: Corpus): Promise<LoadedIndex> {
  const { dimension, rows } = manifest;
  const type = rowTypeOf(manifest);
  const index: VectorIndex = { dimension, type, rows, shards: [] };
  for (const part of manifest.shards) index.shards.push(await openShard(dir, part, index));
  return { manifest, index, corpus: corpus ?? (await corpusOf(dir, manifest)) };
}

async function openShard(dir: string, part: ShardManifest, index: VectorIndex): Promise<Shard> {
  const rowBytes = index.dimension * bytesOfNumber[index.type];
  const base = join(dir, part.base);
  await checkSize(base, part.rows * rowBytes, part.base);
  const encoders = new Uint16Array(new SharedArrayBuffer(part.rows * 2));
  await readArray(join(dir, part.encoders), bytesOf(encoders), wrongSize(part.encoders));
  const deltas: { rows: Uint32Array; vectors: string }[] = [];
  for (const delta of part.deltas) {
    const rows = new Uint32Array(new SharedArrayBuffer(delta.count * 4));
    await readArray(join(dir, delta.rows), bytesOf(rows), wrongSize(delta.rows));
    const vectors = join(dir, delta.vectors);
    await checkSize(vectors, delta.count * rowBytes, delta.vectors);
    const outside = rows.find((row) => row < part.first || row >= part.first + part.rows);
    if (outside !== undefined) throw damaged(`${delta.rows} names row ${outside}, which its shard does not hold`);
    rows.forEach((row) => {
      encoders[row - part.first] = delta.encoder;
    });
    deltas.push({ rows, vectors });
  }
  return { first: part.first, rows: part.rows, vectors: { base, deltas }, encoders };
}

/** The same index, with what it left in files looked for in this folder. Pure. */
export function indexIn(dir: string, loaded: LoadedIndex): LoadedIndex {
  const { shards } = loaded.index;
  if (shards.every(({ vectors }) => ArrayBuffer.isView(vectors))) return loaded;
  const moved = shards.map((shard) =>
    ArrayBuffer.isView(shard.vectors) ? shard : { ...shard, vectors: inFolder(shard.vectors, dir) },
  );
  return { ...loaded, index: { ...loaded.index, shards: moved } };
}

async function corpusOf(dir: string, manifest: IndexManifest): Promise<Corpus> {
  const corpus = await readCorpus(join(dir, manifest.corpus));
  if (corpus.ids.length === manifest.rows) return corpus;
  throw damaged(`corpus.jsonl has ${corpus.ids.length} documents, the index ${manifest.rows} rows`);
}

/** Overwrites rows in place by deltas, in their order. Fails with class `artifact_damaged`. */
export async function applyDeltas(dir: string, index: VectorIndex, deltas: readonly DeltaManifest[]): Promise<void> {
  for (const delta of deltas) {
    const rows = new Uint32Array(delta.count);
    const vectors = emptyRows(index.type, delta.count, index.dimension);
    await readArray(join(dir, delta.rows), bytesOf(rows), wrongSize(delta.rows));
    await readArray(join(dir, delta.vectors), bytesOf(vectors), wrongSize(delta.vectors));
    const outside = rows.find((row) => row >= index.rows);
    if (outside !== undefined) throw damaged(`${delta.rows} names row ${outside} of ${index.rows}`);
    overwriteRows(index, rows, vectors, delta.encoder);
  }
}

/** Every file that the manifest names, corpus included. Pure. */
export const filesOf = (manifest: IndexManifest): string[] => [
  manifest.corpus,
  ...manifest.shards.flatMap((shard) => [
    shard.base,
    shard.encoders,
    ...shard.deltas.flatMap((delta) => [delta.rows, delta.vectors]),
  ]),
];

const damaged = (message: string): RetrievalError =>
  new RetrievalError('artifact_damaged', `the index is damaged: ${message}`);

async function checkSize(path: string, bytes: number, name: string): Promise<void> {
  const { size } = await stat(path).catch(() => ({ size: 0 }));
  if (size !== bytes) throw wrongSize(name)(size);
}

const wrongSize = (name: string) => (bytes: number) =>
  damaged(`${name} has ${bytes} bytes, which its manifest does not say`);

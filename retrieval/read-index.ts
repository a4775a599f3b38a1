// Reads an index artifact into memory.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IndexManifest } from '../schemas/generated/index.js';
import * as validators from '../schemas/generated/validators.js';
import { readCorpus, type Corpus } from './corpus.js';
import { bytesOf, readArray } from './raw-array.js';
import { RetrievalError } from './retrieval-error.js';
import { emptyShard, overwriteRows, type VectorIndex } from './vector-index.js';

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

/** Base rows, then deltas, then the corpus. Fails with class `artifact_damaged` or `data`. */
export async function loadIndex(dir: string, manifest: IndexManifest): Promise<LoadedIndex> {
  const shards = await Promise.all(
    manifest.shards.map(async (part) => {
      const shard = emptyShard(part.first, part.rows, manifest.dimension);
      await readArray(join(dir, part.base), bytesOf(shard.vectors), wrongSize(part.base));
      await readArray(join(dir, part.encoders), bytesOf(shard.encoders), wrongSize(part.encoders));
      return shard;
    }),
  );
  const index: VectorIndex = { dimension: manifest.dimension, rows: manifest.rows, shards };
  for (const part of manifest.shards) await applyDeltas(dir, index, part.deltas);
  const corpus = await readCorpus(join(dir, manifest.corpus));
  if (corpus.ids.length !== manifest.rows) {
    throw damaged(`corpus.jsonl has ${corpus.ids.length} documents, the index ${manifest.rows} rows`);
  }
  return { manifest, index, corpus };
}

/** Overwrites rows in place by deltas, in their order. Fails with class `artifact_damaged`. */
export async function applyDeltas(dir: string, index: VectorIndex, deltas: readonly DeltaManifest[]): Promise<void> {
  for (const delta of deltas) {
    const rows = new Uint32Array(delta.count);
    const vectors = new Float32Array(delta.count * index.dimension);
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

const wrongSize = (name: string) => (bytes: number) =>
  damaged(`${name} has ${bytes} bytes, which its manifest does not say`);

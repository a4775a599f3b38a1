// Writes index artifacts: a first one from encoded shards, and the next one of a refresh, which shares the files that did not change.
import { open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../schemas/canonical-json.js';
import type { IndexManifest } from '../schemas/generated/index.js';
import { linkFile } from './link-file.js';
import { bytesOf, nameByContent, sha256File, writeNamed } from './raw-array.js';
import { filesOf, type DeltaManifest, type LoadedIndex, type ShardManifest } from './read-index.js';
import { RetrievalError } from './retrieval-error.js';
import type { Corrector } from './refresh/fit-map.js';
import type { RowCorrection } from './row-correction.js';
import { readStretch, type RowType } from './row-files.js';
import { copyStretch, rowsOfType } from './vector-index.js';

export interface BuiltShard {
  first: number;
  rows: number;
  /** Vectors, raw, of the type of the index, in the artifact's folder; renamed here. */
  file: string;
}

/** Finishes the folder of a first index, whose shards' vectors were written into it. `corpus` is linked, not copied. */
export async function writeBuiltIndex(input: {
  dir: string;
  corpus: string;
  dimension: number;
  type: RowType;
  /** Identity of the encoder. */
  model: string;
  shards: readonly BuiltShard[];
}): Promise<IndexManifest> {
  const { dir, dimension, model } = input;
  await linkFile(input.corpus, join(dir, 'corpus.jsonl'));
  const shards: ShardManifest[] = [];
  for (const [i, { first, rows, file }] of input.shards.entries()) {
    const base = await nameByContent(file);
    const encoders = await writeNamed(dir, `encoders-${i}`, '.u16', bytesOf(new Uint16Array(rows)));
    shards.push({ first, rows, base, encoders, deltas: [] });
  }
  return writeManifest(dir, {
    schema: 1,
    version: 0,
    dimension,
    ...(input.type === 'float32' ? {} : { dtype: input.type }),
    rows: input.shards.reduce((sum, { rows }) => sum + rows, 0),
    corpus: 'corpus.jsonl',
    corpusDigest: `sha256:${await sha256File(input.corpus)}`,
    encoders: [{ id: 0, model, version: 0 }],
    shards,
  });
}

export interface RefreshedRows {
  /** Ascending. */
  rows: Uint32Array;
  /** In the order of `rows`. */
  vectors: Float32Array;
  /** Identity of the encoder that made them. */
  model: string;
}

/** What is served beside the rows, for one iteration: it is not carried on to the next version. */
export interface ServedBeside {
  /** How stale rows are moved before they are searched. */
  correction?: RowCorrection & { by: Corrector };
  /** Ranks that rl.reward uses for some rollouts, one a valid sample. */
  estimate?: { rollouts: string; ranks: Float32Array };
}

/**
 * The next version of an index in an empty folder: the files of `from` linked and one delta a shard; or, when the deltas would hold
 * more than `compactAbove` of the rows, new base files and no deltas. `current` is what `from` loads to, and stays as it is.
 */
export async function writeRefreshedIndex(input: {
  dir: string;
  from: string;
  current: LoadedIndex;
  refreshed: RefreshedRows;
  compactAbove: number;
  beside?: ServedBeside;
}): Promise<IndexManifest> {
  const { dir } = input;
  const rows = await writeRows(input);
  return writeManifest(dir, { ...rows, ...(await writeBeside(dir, input.beside ?? {})) });
}

/** The manifest of the next version, its files written, as far as rows go. */
async function writeRows(input: Parameters<typeof writeRefreshedIndex>[0]): Promise<IndexManifest> {
  const { dir, from, current, refreshed } = input;
  const { correction: _, estimate: _ranks, ...before } = current.manifest;
  const version = before.version + 1;
  if (refreshed.rows.length === 0) {
    await linkAll(from, dir, filesOf(before));
    return { ...before, version };
  }
  const inDeltas = before.shards.flatMap((shard) => shard.deltas).reduce((sum, delta) => sum + delta.count, 0);
  if (inDeltas + refreshed.rows.length > input.compactAbove * before.rows) return writeCompacted(input, before);
  const id = freeId(before.encoders);
  await linkAll(from, dir, filesOf(before));
  const shards: ShardManifest[] = [];
  for (const [i, shard] of before.shards.entries()) {
    const delta = await writeDelta(dir, `delta-${i}-${version}`, shard, {
      ...refreshed,
      dimension: before.dimension,
      type: current.index.type,
      encoder: id,
    });
    shards.push(delta === null ? shard : { ...shard, deltas: [...shard.deltas, delta] });
  }
  return { ...before, version, encoders: [...before.encoders, { id, model: refreshed.model, version }], shards };
}

async function writeBeside(
  dir: string,
  { correction, estimate }: ServedBeside,
): Promise<Pick<IndexManifest, 'correction' | 'estimate'>> {
  const beside: Pick<IndexManifest, 'correction' | 'estimate'> = {};
  if (correction !== undefined) {
    const strengths = [...correction.strengths.entries()]
      .filter(([, strength]) => strength !== 0)
      .map(([encoder, strength]) => ({ encoder, strength }));
    const map = await writeNamed(dir, 'correction', '.f32', bytesOf(correction.map));
    beside.correction = { by: correction.by, map, strengths };
  }
  if (estimate !== undefined) {
    const ranks = await writeNamed(dir, 'ranks', '.f32', bytesOf(estimate.ranks));
    beside.estimate = { rollouts: estimate.rollouts, ranks };
  }
  return beside;
}

async function writeDelta(
  dir: string,
  stem: string,
  shard: ShardManifest,
  refreshed: RefreshedRows & { dimension: number; type: RowType; encoder: number },
): Promise<DeltaManifest | null> {
  const { dimension, type, encoder } = refreshed;
  const [start, end] = rangeIn(refreshed.rows, shard.first, shard.first + shard.rows);
  if (start === end) return null;
  const rows = await writeNamed(dir, stem, '.u32', bytesOf(refreshed.rows.subarray(start, end)));
  const own = rowsOfType(refreshed.vectors.subarray(start * dimension, end * dimension), type);
  const vectors = await writeNamed(dir, stem, extensions[type], bytesOf(own));
  return { rows, vectors, encoder, count: end - start };
}

/** New bases with the refreshed rows in place; encoders that no row has any more leave the table. */
async function writeCompacted(
  { dir, from, current, refreshed }: Parameters<typeof writeRefreshedIndex>[0],
  before: IndexManifest,
): Promise<IndexManifest> {
  const { index } = current;
  const version = before.version + 1;
  const encoders = index.shards.map((shard) => Uint16Array.from(shard.encoders));
  const id = freeId(before.encoders);
  const shards: ShardManifest[] = [];
  await linkFile(join(from, before.corpus), join(dir, before.corpus));
  for (const [i, shard] of index.shards.entries()) {
    const [start, end] = rangeIn(refreshed.rows, shard.first, shard.first + shard.rows);
    const own = encoders[i] as Uint16Array;
    for (const row of refreshed.rows.subarray(start, end)) own[row - shard.first] = id;
    const base = await writeBase(join(dir, `base-${i}${extensions[index.type]}`), current, i, {
      ...refreshed,
      start,
      end,
    });
    shards.push({
      first: shard.first,
      rows: shard.rows,
      base,
      encoders: await writeNamed(dir, `encoders-${i}`, '.u16', bytesOf(own)),
      deltas: [],
    });
  }
  const used = new Set(encoders.flatMap((ids) => [...new Set(ids)]));
  const table = [...before.encoders, { id, model: refreshed.model, version }].filter((encoder) => used.has(encoder.id));
  return { ...before, version, encoders: table, shards };
}

const rowsAtOnce = 8192;

/** Extensions of files of raw rows. */
export const extensions: Readonly<Record<RowType, string>> = { float32: '.f32', float16: '.f16' };

/** Writes a shard's vectors with rows start..end of `refreshed` over them, a stretch at a time; returns the file's name. */
async function writeBase(
  path: string,
  { index }: LoadedIndex,
  shardNumber: number,
  refreshed: RefreshedRows & { start: number; end: number },
): Promise<string> {
  const shard = index.shards[shardNumber];
  if (shard === undefined) throw new Error(`Internal error: shard ${shardNumber}`);
  const file = await open(path, 'wx');
  try {
    let next = refreshed.start;
    for (let at = 0; at < shard.rows; at += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, shard.rows - at);
      const stretch = await copyStretch(index, shard, at, rows);
      for (; next < refreshed.end; next++) {
        const row = (refreshed.rows[next] as number) - shard.first - at;
        if (row >= rows) break;
        const own = refreshed.vectors.subarray(next * index.dimension, (next + 1) * index.dimension);
        stretch.set(rowsOfType(own, index.type), row * index.dimension);
      }
      await writeWhole(file, bytesOf(stretch));
    }
  } finally {
    await file.close();
  }
  return nameByContent(path);
}

/** A file of raw rows. */
export interface RowFile {
  file: string;
  rows: number;
}

/**
 * Puts rows of several files after each other into one file, as rows of a type, a stretch at a time. A single file of that type is
 * linked instead of copied.
 */
export async function joinRows(
  from: readonly RowFile[],
  given: { from: RowType; to: string; type: RowType; dimension: number },
): Promise<void> {
  const { to, type, dimension } = given;
  const [only, ...more] = from;
  if (only !== undefined && more.length === 0 && given.from === type) return linkFile(only.file, to);
  const file = await open(to, 'wx');
  try {
    for (const source of from) {
      const shape = { first: 0, dimension, type: given.from };
      for (let at = 0; at < source.rows; at += rowsAtOnce) {
        const count = Math.min(rowsAtOnce, source.rows - at);
        const stretch = await readStretch({ base: source.file, deltas: [] }, shape, at, count);
        await writeWhole(file, bytesOf(stretch instanceof Float32Array ? rowsOfType(stretch, type) : stretch));
      }
    }
  } finally {
    await file.close();
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
}

/** [start, end) of the ascending rows that lie in [first, last). */
function rangeIn(rows: Uint32Array, first: number, last: number): [number, number] {
  const start = rows.findIndex((row) => row >= first);
  if (start === -1) return [0, 0];
  const end = rows.findIndex((row) => row >= last);
  return [start, end === -1 ? rows.length : end];
}

/** The smallest id that the table does not use. Compaction frees ids long before the 16 bits are spent, unless refreshes are tiny. */
function freeId(encoders: IndexManifest['encoders']): number {
  const used = new Set(encoders.map((encoder) => encoder.id));
  for (let id = 0; id <= 0xffff; id++) if (!used.has(id)) return id;
  throw new RetrievalError(
    'config',
    'the index holds rows of 65,536 encoders, the most it can tell apart; refresh more rows at once, or set `compact` lower',
  );
}

const linkAll = async (from: string, to: string, files: readonly string[]): Promise<void> => {
  for (const name of new Set(files)) await linkFile(join(from, name), join(to, name));
};

async function writeManifest(dir: string, manifest: IndexManifest): Promise<IndexManifest> {
  await writeFile(join(dir, 'manifest.json'), `${canonicalJson(manifest)}\n`);
  return manifest;
}

// Keeps loaded indexes in memory by their identity, so that an iteration reads only what its refresh wrote.
// Owns: the loaded indexes, bounded by bytes, the least recently used out first. Does not own: any file.
// An index whose vectors alone are more than the bound is never loaded: its vectors stay in its files and are read block by block.
// Invariants: I1 an index that is in use never changes and is never dropped. I2 what is handed out equals what a cold load of the
// same folder gives: a cached index is taken over by its successor only when the manifests say that just deltas were added.
import type { IndexManifest } from '../schemas/generated/index.js';
import {
  applyDeltas,
  indexIn,
  loadIndex,
  openIndex,
  readIndexManifest,
  rowTypeOf,
  type LoadedIndex,
} from './read-index.js';
import { bytesOfNumber } from './row-files.js';

interface Entry {
  loading: Promise<LoadedIndex>;
  /** Known once loaded. */
  manifest: IndexManifest | null;
  bytes: number;
  users: number;
}

export interface IndexCache {
  /** Lends the index of an artifact folder while `use` runs. `identity` names the folder's content. */
  withIndex<T>(artifact: { path: string; identity: string }, use: (loaded: LoadedIndex) => Promise<T>): Promise<T>;
  /** Identities in memory, the least recently used first. */
  identities(): string[];
  clear(): void;
}

/** A cache that keeps about so many bytes of vectors beyond those in use. */
export function createIndexCache(maxBytes: number): IndexCache {
  const entries = new Map<string, Entry>();

  async function acquire(artifact: { path: string; identity: string }): Promise<Entry> {
    const known = entries.get(artifact.identity);
    if (known !== undefined) {
      known.users++;
      entries.delete(artifact.identity);
      entries.set(artifact.identity, known);
      return known;
    }
    const manifest = await readIndexManifest(artifact.path);
    // Another caller may have come first while the manifest was read.
    if (entries.has(artifact.identity)) return acquire(artifact);
    const isLarge = bytesOfVectors(manifest) > maxBytes;
    const entry: Entry = {
      loading: isLarge ? openLarge(entries, artifact.path, manifest) : takeOverOrLoad(entries, artifact.path, manifest),
      manifest: null,
      bytes: manifest.rows * bytesBeside + (isLarge ? 0 : bytesOfVectors(manifest)),
      users: 1,
    };
    entries.set(artifact.identity, entry);
    try {
      entry.manifest = (await entry.loading).manifest;
    } catch (error) {
      if (entries.get(artifact.identity) === entry) entries.delete(artifact.identity);
      throw error;
    }
    return entry;
  }

  function dropSurplus(): void {
    let total = [...entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
    for (const [identity, entry] of entries) {
      if (total <= maxBytes) return;
      if (entry.users > 0) continue;
      entries.delete(identity);
      total -= entry.bytes;
    }
  }

  return {
    async withIndex(artifact, use) {
      const entry = await acquire(artifact);
      try {
        return await use(indexIn(artifact.path, await entry.loading));
      } finally {
        entry.users--;
        dropSurplus();
      }
    },
    identities: () => [...entries.keys()],
    clear: () => {
      entries.clear();
    },
  };
}

/** Opens an index that stays in its files; the corpus of one with the same documents is taken along, and an idle one dropped. */
async function openLarge(entries: Map<string, Entry>, path: string, manifest: IndexManifest): Promise<LoadedIndex> {
  for (const [identity, { manifest: before, loading, users }] of entries) {
    if (before?.corpusDigest !== manifest.corpusDigest) continue;
    if (users === 0) entries.delete(identity);
    return openIndex(path, manifest, (await loading).corpus);
  }
  return openIndex(path, manifest);
}

/** Takes an idle entry over whose index becomes this one by deltas alone; else reads everything. */
function takeOverOrLoad(entries: Map<string, Entry>, path: string, manifest: IndexManifest): Promise<LoadedIndex> {
  for (const [identity, entry] of entries) {
    if (entry.users > 0 || entry.manifest === null) continue;
    const added = addedDeltas(entry.manifest, manifest);
    if (added === null) continue;
    entries.delete(identity);
    return entry.loading.then(async ({ index, corpus }) => {
      await applyDeltas(path, index, added);
      return { manifest, index, corpus };
    });
  }
  return loadIndex(path, manifest);
}

/** The deltas that make `next` out of `previous` in order, or null when that does not do. Files are named by content. Pure. */
export function addedDeltas(
  previous: IndexManifest,
  next: IndexManifest,
): IndexManifest['shards'][number]['deltas'] | null {
  const isSameFrame =
    previous.corpusDigest === next.corpusDigest &&
    previous.dimension === next.dimension &&
    previous.dtype === next.dtype &&
    previous.rows === next.rows &&
    previous.shards.length === next.shards.length;
  if (!isSameFrame) return null;
  const added: IndexManifest['shards'][number]['deltas'] = [];
  for (const [i, shard] of next.shards.entries()) {
    const before = previous.shards[i];
    if (before === undefined || before.base !== shard.base || before.encoders !== shard.encoders) return null;
    const isPrefix = before.deltas.every((delta, j) => {
      const other = shard.deltas[j];
      return (
        other !== undefined &&
        other.rows === delta.rows &&
        other.vectors === delta.vectors &&
        other.encoder === delta.encoder
      );
    });
    if (!isPrefix) return null;
    added.push(...shard.deltas.slice(before.deltas.length));
  }
  return added;
}

const bytesOfVectors = (manifest: IndexManifest): number =>
  manifest.rows * manifest.dimension * bytesOfNumber[rowTypeOf(manifest)];

/** Of a row: its encoder id, and about 100 bytes of a document id. */
const bytesBeside = 2 + 100;

const shared = createIndexCache(256 * 2 ** 20);

/** The cache of this process: 256 MiB beyond what is in use. */
export const indexCache = (): IndexCache => shared;

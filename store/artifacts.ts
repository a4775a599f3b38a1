// Artifacts: trees of content-addressed files. The files and the list of them (the tree) are blobs under their digests, so
// that what two artifacts share is stored once.
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactType } from '../schemas/generated/plan.js';
import type { StoredArtifact, Tree } from '../schemas/generated/records.js';
import { digestOf } from '../schemas/identity.js';
import type { Digest } from '../schemas/identity.js';
import { StoreError } from './errors.js';
import { folderFiles, hashFile, pathsObjection } from './folder-files.js';
import type { FileDigest, LeaveOut } from './folder-files.js';
import { cacheEntries, cachedFolder, discard, localFilesIn } from './host-cache.js';
import { looseFiles, removeLoose } from './local-files.js';
import { mapLimited } from './map-limited.js';
import { quarantineBlob } from './quarantine.js';
import { parseRecord, recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';
import { rememberVerified } from './verified.js';

/** Files under way at a time: hides the latency of flushing, leaves the machine to the trainer. */
const LANES = 4;
const READ_BYTES = 4 * 1024 * 1024;

export interface IngestOptions {
  /** Files that are known to be in the store already, by relative path: not read again. */
  known?: ReadonlyMap<string, { digest: string; bytes: number }>;
  /** Whose files they are. 'ours' (the default) are taken over and become read-only, 'theirs' are copied. */
  source?: 'ours' | 'theirs';
  /** What does not belong to the artifact; default nothing. */
  leaveOut?: LeaveOut;
  /** Its files as folderFiles has listed them, where that is done. */
  paths?: readonly string[];
}

/** An artifact on its way into the store. */
export interface Ingest {
  artifact: StoredArtifact;
  /** Resolves when it is there, all of it durable; what names it must not be there before. Nobody has to wait for it. */
  stored: Promise<void>;
}

/**
 * Puts a folder into the store: each file hashed once and linked, and the tree. Empty folders do not count. Safe to run
 * again. Throws StoreError `data` for links, special files and odd names, `store_unavailable` when the store fails.
 */
export async function ingestFolder(
  store: ObjectStore,
  folder: string,
  type: ArtifactType,
  options: IngestOptions = {},
): Promise<StoredArtifact> {
  const { artifact, stored } = await beginIngest(store, folder, type, options);
  await stored;
  return artifact;
}

/** Like ingestFolder, but resolves once every file is hashed, while they are being stored. */
export async function beginIngest(
  store: ObjectStore,
  folder: string,
  type: ArtifactType,
  options: IngestOptions = {},
): Promise<Ingest> {
  const { known, source = 'ours', paths = await folderFiles(folder, options.leaveOut) } = options;
  const fresh: (FileDigest & { path: string })[] = [];
  const files = await mapLimited(paths, LANES, async (path) => {
    const there = known?.get(path);
    if (there !== undefined && (await store.head(names.blob(there.digest)))?.bytes === there.bytes)
      return { path, digest: there.digest, bytes: there.bytes };
    const hashed = await hashFile(join(folder, path));
    fresh.push({ path, ...hashed });
    return { path, ...hashed };
  });
  const body = recordBytes({ schema: 1, files } satisfies Tree);
  const tree = digestOf(body);
  // Side by side, so that the disk is waited for once: a tree counts for nothing until something names it.
  const stored = Promise.all([
    mapLimited(fresh, LANES, async ({ path, ...hashed }) => storeFile(store, join(folder, path), hashed, source)),
    store.createIfAbsent(names.blob(tree), body, { oftenThere: true }),
  ]).then(() => undefined);
  stored.catch(() => undefined); // told to who waits
  return { artifact: { type, tree, bytes: totalBytes(files), files: files.length }, stored };
}

/**
 * Which files of a folder are links to files of materialised artifacts, for `known` of ingestFolder: an output that goes on
 * from an input (an index with another delta, say) links what it keeps, and that is not hashed again.
 */
export async function knownByLink(
  store: ObjectStore,
  folder: string,
  inputs: readonly { path: string; tree: string }[],
): Promise<Map<string, { digest: string; bytes: number }>> {
  const byInode = new Map<string, { digest: string; bytes: number }>();
  for (const input of inputs)
    for (const { path, digest, bytes } of (await readTree(store, input.tree)).files) {
      const inode = await inodeOf(join(input.path, path));
      if (inode !== null) byInode.set(inode, { digest, bytes });
    }
  const known = new Map<string, { digest: string; bytes: number }>();
  for (const path of await folderFiles(folder)) {
    const file = byInode.get((await inodeOf(join(folder, path))) ?? '');
    if (file !== undefined) known.set(path, file);
  }
  return known;
}

/** Puts one file into the store under its digest. Safe to run again. */
export async function ingestFile(store: ObjectStore, path: string, source: 'ours' | 'theirs'): Promise<FileDigest> {
  const hashed = await hashFile(path);
  await storeFile(store, path, hashed, source);
  return hashed;
}

async function storeFile(
  store: ObjectStore,
  path: string,
  hashed: FileDigest,
  source: 'ours' | 'theirs',
): Promise<void> {
  const { digest } = hashed;
  const name = names.blob(digest);
  const { created, ...info } = await store.createFromFile(name, path, { source, digest });
  if (created && info.bytes !== hashed.bytes) {
    await store.remove(name);
    throw new StoreError('data', `${path} changed while it was stored. Run again when nothing writes to it.`);
  }
  // A copy is another reading of the file: its digest is checked when it is first used.
  if (created && source === 'ours') rememberVerified(store, digest, info);
  if (!created && info.bytes !== hashed.bytes) {
    await quarantineBlob(store, digest, `The blob ${name} has ${info.bytes} bytes instead of ${hashed.bytes}.`);
    await store.createFromFile(name, path, { source, digest });
  }
}

/** The files of a tree. Throws `artifact_damaged` when the tree is gone or its bytes are wrong. */
export async function readTree(store: ObjectStore, treeDigest: string): Promise<Tree> {
  const name = names.blob(treeDigest);
  const body = await store.get(name);
  if (body === null)
    throw new StoreError('artifact_damaged', `The store no longer has the list of files ${name} of an artifact.`);
  if (digestOf(body).slice('sha256:'.length) !== treeDigest.replace(/^sha256:/, ''))
    throw await quarantineBlob(store, treeDigest, `The list of files ${name} does not match its digest.`);
  const tree = parseRecord('tree', body, name);
  const objection = pathsObjection(tree.files.map(({ path }) => path));
  if (objection === null) return tree;
  const { path, why } = objection;
  throw new StoreError('artifact_damaged', `The tree ${name} lists ${JSON.stringify(path)}, which ${why}.`);
}

/** Whether all blobs of an artifact are there with the right sizes. Reads the tree, not the files. */
export const hasArtifact = async (store: ObjectStore, stored: Pick<StoredArtifact, 'tree'>): Promise<boolean> =>
  (await stateOfArtifact(store, stored)) === 'whole';

/** `gone`: a blob of it is not there any more; `damaged`: one is, with other bytes. Reads the tree and sizes, not the files. */
export async function stateOfArtifact(
  store: ObjectStore,
  stored: Pick<StoredArtifact, 'tree'>,
): Promise<'whole' | 'gone' | 'damaged'> {
  try {
    const { files } = await readTree(store, stored.tree);
    const sizes = await mapLimited(files, LANES, async ({ digest }) => (await store.head(names.blob(digest)))?.bytes);
    if (sizes.some((size) => size === undefined)) return 'gone';
    return files.every(({ bytes }, index) => bytes === sizes[index]) ? 'whole' : 'damaged';
  } catch (error) {
    if (!(error instanceof StoreError) || error.failureClass !== 'artifact_damaged') throw error;
    return (await store.head(names.blob(stored.tree))) === null ? 'gone' : 'damaged';
  }
}

/**
 * Reads every byte of an artifact in the store. Throws `artifact_damaged` when one is wrong; the wrong blob is moved aside,
 * so that the artifact counts as pruned from then on.
 */
export async function verifyArtifact(store: ObjectStore, stored: Pick<StoredArtifact, 'tree'>): Promise<void> {
  const { files } = await readTree(store, stored.tree);
  for (const { path, digest } of files) {
    const name = names.blob(digest);
    const actual = await hashObject(store, name);
    if (actual === null)
      throw new StoreError('artifact_damaged', `The store no longer has ${name}, the file ${path} of an artifact.`);
    if (actual !== digest)
      throw await quarantineBlob(store, digest, `The file ${path} of an artifact (${name}) does not match its digest.`);
  }
}

/**
 * Makes an artifact readable in a local folder and returns it: read-only links, shared by everything on this host, so nothing
 * may be written there. Sizes are checked, and digests by the first on the host. Safe to run at once and again. Throws
 * `artifact_damaged` when a blob is gone or wrong (a wrong one is moved aside), `store_unavailable` when a disk fails.
 */
export async function materialise(store: ObjectStore, cacheDir: string, treeDigest: string): Promise<string> {
  const entry = treeDigest.replace(/^sha256:/, '');
  return cachedFolder(store, cacheDir, entry, async () => (await readTree(store, treeDigest)).files);
}

/**
 * Shrinks a host's cache to `maxBytes`, the longest unused first, and returns what is left. Spares the folders `inUse` and
 * whatever was asked for in the last `idleMs` (10 minutes), by another process perhaps: the bound may be missed by that much.
 */
export async function evictCache(
  cacheDir: string,
  maxBytes: number,
  options: { inUse?: ReadonlySet<string>; idleMs?: number; now?: number } = {},
): Promise<{ bytes: number; evicted: number }> {
  const { inUse = new Set<string>(), idleMs = 10 * 60 * 1000, now = Date.now() } = options;
  const localFiles = localFilesIn(cacheDir);
  const [entries, loose] = await Promise.all([cacheEntries(cacheDir, now), looseFiles(localFiles)]);
  let bytes = totalBytes(entries) + totalBytes(loose);
  const idle = loose.filter(({ changedAt }) => now - changedAt >= idleMs);
  bytes -= await removeLoose(idle, bytes - maxBytes);
  const before = new Set(loose.map(({ path }) => path));
  let evicted = 0;
  for (const entry of entries) {
    if (bytes <= maxBytes) break;
    if (inUse.has(entry.path) || now - entry.usedAt < idleMs) continue;
    await discard(entry.path);
    bytes -= entry.bytes;
    evicted += 1;
  }
  if (evicted > 0) {
    const letGo = (await looseFiles(localFiles)).filter(({ path }) => !before.has(path));
    await removeLoose(letGo, Number.POSITIVE_INFINITY);
  }
  return { bytes, evicted };
}

/** Bytes of the files of a tree. Pure. */
export const totalBytes = (files: readonly { bytes: number }[]): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Names a file on this host whatever it is called; null when it is not there. */
async function inodeOf(path: string): Promise<string | null> {
  const stats = await stat(path, { bigint: true }).catch(() => null);
  return stats === null ? null : `${stats.dev}-${stats.ino}`;
}

async function hashObject(store: ObjectStore, name: string): Promise<Digest | null> {
  const info = await store.head(name);
  if (info === null) return null;
  const hash = createHash('sha256');
  for (let start = 0; start < info.bytes; start += READ_BYTES) {
    const chunk = await store.get(name, { start, end: start + READ_BYTES });
    if (chunk === null) return null;
    hash.update(chunk);
  }
  return `sha256:${hash.digest('hex')}`;
}

// The cache of a host: artifacts as local folders of read-only links into the store, named by the digest of their tree.
//
//   <cacheDir>/<hex>/         a whole artifact; its folder's time is when it was built
//   <cacheDir>/<hex>.used     when it was last asked for
//   <cacheDir>/.tmp-*         one that is being built, or was when its process was killed
//   <cacheDir>/.files/        files of a remote store (local-files.ts), which the folders link
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Tree } from '../schemas/generated/records.js';
import { StoreError, systemCode, unavailable } from './errors.js';
import { hashFile } from './folder-files.js';
import { mapLimited } from './map-limited.js';
import { quarantineBlob, quarantinedBlobs } from './quarantine.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';
import { isAbandoned, ownerMark } from './temporary-owner.js';
import { isVerified, rememberVerified } from './verified.js';

const LANES = 4;

/** Where a cache has the files of a remote store. Pure. */
export const localFilesIn = (cacheDir: string): string => join(cacheDir, '.files');

/** Makes the files `tree` readable in `<cacheDir>/<entry>/` and returns that path; see materialise in artifacts.ts. */
export async function cachedFolder(
  store: ObjectStore,
  cacheDir: string,
  entry: string,
  readFiles: () => Promise<Tree['files']>,
): Promise<string> {
  const target = join(cacheDir, entry);
  const [builtAt, quarantined] = await Promise.all([modifiedAt(target), quarantinedBlobs(store)]);
  if (builtAt !== null) {
    const [damaged] = await Promise.all([holdsDamaged(quarantined, readFiles, builtAt), markUsed(target)]);
    if (!damaged) return target;
    await discard(target);
  }
  const files = await readFiles();
  const tmp = join(cacheDir, `.tmp-${entry}-${ownerMark()}${randomBytes(6).toString('hex')}`);
  try {
    await guarded(tmp, () => mkdir(tmp, { recursive: true, mode: 0o700 }));
    await mapLimited(files, LANES, (file) => placeFile(store, tmp, file));
    await guarded(target, () => renameUnlessThere(tmp, target));
  } finally {
    await rm(tmp, { recursive: true, force: true });
  }
  await markUsed(target);
  return target;
}

/** An entry of the cache: what it takes and when it was last used, milliseconds since the epoch. */
export interface CacheEntry {
  path: string;
  bytes: number;
  usedAt: number;
}

/** The whole entries of a cache, the one that was used longest ago first. Also removes what killed processes left half built. */
export async function cacheEntries(cacheDir: string, now: number): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const { name } of await foldersIn(cacheDir)) {
    const path = join(cacheDir, name);
    if (path === localFilesIn(cacheDir)) continue;
    const age = now - ((await modifiedAt(path)) ?? now);
    if (name.startsWith('.tmp-')) {
      if (isAbandoned(name) || age > 24 * 60 * 60 * 1000) await rm(path, { recursive: true, force: true });
    } else {
      const usedAt = (await modifiedAt(`${path}.used`)) ?? (await modifiedAt(path));
      if (usedAt !== null) entries.push({ path, bytes: await folderBytes(path), usedAt });
    }
  }
  return entries.sort((a, b) => a.usedAt - b.usedAt);
}

/** Takes an entry out of the cache: away from its name first, so that nobody finds half of it. */
export async function discard(path: string): Promise<void> {
  const trash = join(dirname(path), `.tmp-${ownerMark()}${randomBytes(6).toString('hex')}`);
  try {
    await rename(path, trash);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw unavailable(error, 'remove', path);
  }
  await rm(trash, { recursive: true, force: true });
  await rm(`${path}.used`, { force: true });
}

/** One file from the store; hashed, unless this process has done so already. */
async function placeFile(store: ObjectStore, folder: string, file: Tree['files'][number]): Promise<void> {
  const name = names.blob(file.digest);
  const path = join(folder, file.path);
  await guarded(path, () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
  const placed = await store.toFile(name, path);
  if (placed === null)
    throw new StoreError(
      'artifact_damaged',
      `The store no longer has ${name}, the file ${file.path} of an artifact. The step that made it has to run again.`,
    );
  if (placed.bytes !== file.bytes)
    throw await quarantineBlob(
      store,
      file.digest,
      `The file ${file.path} of an artifact (${name}) has ${placed.bytes} bytes instead of ${file.bytes}.`,
    );
  if (placed.digest === undefined && isVerified(store, file.digest, placed)) return;
  if ((placed.digest ?? (await hashFile(path)).digest) !== file.digest)
    throw await quarantineBlob(
      store,
      file.digest,
      `The file ${file.path} of an artifact (${name}) does not match its digest.`,
    );
  rememberVerified(store, file.digest, placed);
}

/** Whether a blob of the folder was set aside after the folder was built: the folder links to the same wrong bytes. */
async function holdsDamaged(
  quarantined: ReadonlyMap<string, number>,
  readFiles: () => Promise<Tree['files']>,
  builtAt: number,
): Promise<boolean> {
  if (quarantined.size === 0) return false;
  const files = await readFiles();
  return files.some(({ digest }) => (quarantined.get(digest.slice('sha256:'.length)) ?? 0) >= Math.floor(builtAt));
}

async function renameUnlessThere(tmp: string, target: string): Promise<void> {
  try {
    await rename(tmp, target);
  } catch (error) {
    // Another one built the same artifact meanwhile: the same files.
    if (systemCode(error) !== 'ENOTEMPTY' && systemCode(error) !== 'EEXIST') throw error;
  }
}

/** Marks an entry as asked for now: the time of its mark, which is cheaper than to write it anew. */
async function markUsed(path: string): Promise<void> {
  const mark = `${path}.used`;
  const now = new Date();
  await guarded(path, async () => {
    try {
      await utimes(mark, now, now);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      await writeFile(mark, '', { mode: 0o600 });
    }
  });
}

async function folderBytes(path: string): Promise<number> {
  let bytes = 0;
  const entries = await readdir(path, { withFileTypes: true, recursive: true }).catch(() => []);
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0;
  }
  return bytes;
}

async function foldersIn(cacheDir: string): Promise<{ name: string }[]> {
  try {
    return (await readdir(cacheDir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw unavailable(error, 'list', cacheDir);
  }
}

async function modifiedAt(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw unavailable(error, 'read', path);
  }
}

async function guarded<Out>(path: string, run: () => Promise<Out>): Promise<Out> {
  try {
    return await run();
  } catch (error) {
    throw unavailable(error, 'write', path);
  }
}

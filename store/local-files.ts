// The files of a remote store that are on this host already: what was stored from here, or fetched for another artifact, is
// linked instead of fetched again.
//
//   <folder>/<hex>    a blob, under the digest of its bytes, which were hashed when they came; read-only
//
// Safe between processes: a name is made and removed in one step, and what has been linked elsewhere outlives its name here.
import { link, mkdir, readdir, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../schemas/identity.js';
import { takeOver } from './durable-file.js';
import { systemCode, unavailable } from './errors.js';
import type { ObjectStore, Placed } from './store.js';

/** The store, with files in `folder`. Where links cannot be made everything is fetched. */
export function withLocalFiles(store: ObjectStore, folder: string): ObjectStore {
  const localOf = (name: string): { path: string; digest: Digest } | null => {
    const [, hex] = /^blobs\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(name) ?? [];
    return hex === undefined ? null : { path: join(folder, hex), digest: `sha256:${hex}` };
  };
  return {
    ...store,
    async toFile(name, path) {
      const local = localOf(name);
      if (local === null) return store.toFile(name, path);
      const linked = await linkOut(local.path, path);
      if (linked !== null) return { name, ...linked, digest: local.digest };
      const placed = await store.toFile(name, path);
      if (placed?.digest === local.digest) await keep(path, local.path);
      return placed;
    },
    async createFromFile(name, path, options) {
      const made = await store.createFromFile(name, path, options);
      const local = localOf(name);
      const isSure = local !== null && options?.digest === local.digest && options.source !== 'theirs';
      if (isSure && (await takeOver(path))) await keep(path, local.path);
      return made;
    },
    async remove(name) {
      await store.remove(name);
      const local = localOf(name);
      if (local !== null) await rm(local.path, { force: true });
    },
  };
}

/** A file that nothing else links: bytes, and when it was linked or let go last, milliseconds since the epoch. */
interface LooseFile {
  path: string;
  bytes: number;
  changedAt: number;
}

/** The files in `folder` that no artifact links, the one that was let go longest ago first. */
export async function looseFiles(folder: string): Promise<LooseFile[]> {
  const files: LooseFile[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const stats = await stat(path).catch(() => null);
    if (stats?.nlink === 1) files.push({ path, bytes: stats.size, changedAt: stats.ctimeMs });
  }
  return files.sort((a, b) => a.changedAt - b.changedAt);
}

async function linkOut(local: string, path: string): Promise<Pick<Placed, 'bytes' | 'modifiedAt'> | null> {
  try {
    await link(local, path);
    const { size, mtimeMs } = await stat(path);
    return { bytes: size, modifiedAt: mtimeMs };
  } catch (error) {
    if (isPassable(error)) return null;
    throw unavailable(error, 'write', path);
  }
}

async function keep(path: string, local: string): Promise<void> {
  try {
    await mkdir(join(local, '..'), { recursive: true, mode: 0o700 });
    await link(path, local);
  } catch (error) {
    if (!isPassable(error)) throw unavailable(error, 'write', local);
  }
}

/** Not there, there already, or on a disk without links: the file is fetched, then. */
const isPassable = (error: unknown): boolean =>
  ['ENOENT', 'EEXIST', 'EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'ENOSYS'].includes(systemCode(error) ?? '');

/** Removes files, in order, until `excess` bytes are gone or none is left. Returns the bytes that are. */
export async function removeLoose(files: readonly LooseFile[], excess: number): Promise<number> {
  let gone = 0;
  for (const { path, bytes } of files) {
    if (gone >= excess) break;
    await unlink(path).catch(() => undefined);
    gone += bytes;
  }
  return gone;
}

// Local folders on their way into the store: which files they hold, and the digest of each.
import { createHash } from 'node:crypto';
import { lstat, open, readdir, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { Digest } from '../schemas/identity.js';
import { closeBehind } from './durable-file.js';
import { StoreError, systemCode, unavailable } from './errors.js';

const CHUNK_BYTES = 1024 * 1024;

/** What a file holds. */
export interface FileDigest {
  digest: Digest;
  bytes: number;
}

/** Whether a file or folder of that name is left out, with all below it. */
export type LeaveOut = (name: string) => boolean;

/**
 * The files below a folder by path relative to it, with '/', sorted; empty folders do not count. Throws StoreError `data`
 * for links, special files and names that another system could not hold.
 */
export async function folderFiles(folder: string, leaveOut: LeaveOut = () => false): Promise<string[]> {
  const files: string[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const { name, isFolder, isFile } of await entriesOf(join(folder, below))) {
      if (leaveOut(name)) continue;
      const path = below + name;
      if (isFolder) await visit(`${path}/`);
      else if (isFile) files.push(path);
      else
        throw refused(
          folder,
          path,
          'is a link or a special file. Only plain files and folders can be stored: put a copy there',
        );
    }
  };
  await visit('');
  const collision = collisionAmong(files);
  if (collision !== null) throw refused(folder, collision[1], `${sameElsewhere(collision[0])}. Rename one of them`);
  return files.sort();
}

/** Why a relative path cannot be part of an artifact; null when it can. Pure. */
export function pathObjection(path: string): string | null {
  if (/[\x00-\x1f\x7f\\\ufffd]|\p{Surrogate}/u.test(path))
    return 'has a control character, a backslash or bytes that are no UTF-8 in its name';
  if (path.length > 1024) return 'has a path of more than 1024 characters';
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return "has an empty segment, '.' or '..' in its path";
  return segments.some((segment) => Buffer.byteLength(segment) > 255) ? 'has a name of more than 255 bytes' : null;
}

/** Why some paths cannot be the files of one artifact; null when they can. Guards against trees that point out of their folder. Pure. */
export function pathsObjection(paths: readonly string[]): { path: string; why: string } | null {
  for (const path of paths) {
    const why = pathObjection(path);
    if (why !== null) return { path, why };
  }
  const collision = collisionAmong(paths);
  return collision === null ? null : { path: collision[1], why: sameElsewhere(collision[0]) };
}

/** Whether `path` is a folder below `base` that no link leads to, or out of it. */
export async function isRealFolder(base: string, path: string): Promise<boolean> {
  const below = relative(base, path);
  if (below === '' || below.split(sep)[0] === '..' || isAbsolute(below)) return false;
  try {
    const [real, realBase, stats] = await Promise.all([realpath(path), realpath(base), lstat(path)]);
    return real === join(realBase, below) && stats.isDirectory();
  } catch (error) {
    if (systemCode(error) === null) throw error;
    return false;
  }
}

/** Two paths that a file system without case, or one that changes accents, takes for one; a file that is a folder of another. */
function collisionAmong(paths: readonly string[]): [string, string] | null {
  const seen = new Map<string, string>();
  const folders = new Map<string, string>();
  for (const path of paths) {
    const folded = path.normalize('NFC').toLowerCase().normalize('NFC');
    const same = seen.get(folded) ?? folders.get(folded);
    if (same !== undefined) return [same, path];
    seen.set(folded, path);
    for (let end = folded.indexOf('/'); end >= 0; end = folded.indexOf('/', end + 1)) {
      const file = seen.get(folded.slice(0, end));
      if (file !== undefined) return [file, path];
      folders.set(folded.slice(0, end), path);
    }
  }
  return null;
}

const sameElsewhere = (other: string): string =>
  `is the same name as ${JSON.stringify(other)} where case, or how accents are written, does not count`;

/** Digest and size of a file, read once as a stream. Throws StoreError `data` when it changes meanwhile. */
export async function hashFile(path: string): Promise<FileDigest> {
  try {
    const file = await open(path, 'r');
    try {
      const before = await file.stat({ bigint: true });
      const hash = createHash('sha256');
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Number(before.size) + 1)); // one more, to see the end
      let bytes = 0;
      for (;;) {
        const { bytesRead } = await file.read(chunk, 0, chunk.length);
        hash.update(chunk.subarray(0, bytesRead));
        bytes += bytesRead;
        if (bytesRead === 0 || (bytesRead < chunk.length && BigInt(bytes) === before.size)) break;
      }
      const after = await file.stat({ bigint: true });
      if (after.mtimeNs !== before.mtimeNs || BigInt(bytes) !== after.size)
        throw new StoreError('data', `${path} changed while it was read. Run again when nothing writes to it.`);
      return { digest: `sha256:${hash.digest('hex')}`, bytes };
    } finally {
      closeBehind(file);
    }
  } catch (error) {
    throw systemCode(error) === 'ENOENT' ? missing(path) : unavailable(error, 'read', path);
  }
}

/** StoreError `data` for a path that is not there. Pure. */
export const missing = (path: string): StoreError => new StoreError('data', `There is no file or folder ${path}.`);

async function entriesOf(folder: string): Promise<{ name: string; isFolder: boolean; isFile: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => {
      const objection = pathObjection(entry.name);
      if (objection !== null) throw refused(folder, entry.name, `${objection}. Rename it`);
      return { name: entry.name, isFolder: entry.isDirectory(), isFile: entry.isFile() };
    });
  } catch (error) {
    throw systemCode(error) === 'ENOENT' ? missing(folder) : unavailable(error, 'read', folder);
  }
}

const refused = (folder: string, path: string, why: string): StoreError =>
  new StoreError('data', `${JSON.stringify(path)} in ${folder} ${why}.`);

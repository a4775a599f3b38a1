// Local folders on their way into the store: which files they hold, and the digest of each.
import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../schemas/identity.js';
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
  return files.sort();
}

/** Why a relative path cannot be part of an artifact; null when it can. Also guards against trees that point out of their folder. Pure. */
export function pathObjection(path: string): string | null {
  if (/[\x00-\x1f\x7f\\\ufffd]/.test(path))
    return 'has a control character, a backslash or bytes that are no UTF-8 in its name';
  if (path.length > 1024) return 'has a path of more than 1024 characters';
  if (path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'))
    return "has an empty segment, '.' or '..' in its path";
  return null;
}

/** Digest and size of a file, read once as a stream. Throws StoreError `data` when it changes meanwhile. */
export async function hashFile(path: string): Promise<FileDigest> {
  try {
    const file = await open(path, 'r');
    try {
      const before = await file.stat({ bigint: true });
      const hash = createHash('sha256');
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(Number(before.size), 1)));
      let bytes = 0;
      for (;;) {
        const { bytesRead } = await file.read(chunk, 0, chunk.length);
        if (bytesRead === 0) break;
        hash.update(chunk.subarray(0, bytesRead));
        bytes += bytesRead;
      }
      const after = await file.stat({ bigint: true });
      if (after.mtimeNs !== before.mtimeNs || BigInt(bytes) !== after.size)
        throw new StoreError('data', `${path} changed while it was read. Run again when nothing writes to it.`);
      return { digest: `sha256:${hash.digest('hex')}`, bytes };
    } finally {
      await file.close();
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

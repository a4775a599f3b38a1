// `file` and `folder` inputs: local files that enter the store under their digest when a run is submitted. They belong to the
// person, who may change them at any time: they are copied (or cloned), never linked.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tree } from '../schemas/generated/records.js';
import { digestOf } from '../schemas/identity.js';
import type { Digest } from '../schemas/identity.js';
import { ingestFile, ingestFolder, materialise, totalBytes } from './artifacts.js';
import { systemCode, unavailable } from './errors.js';
import { folderFiles, hashFile, missing } from './folder-files.js';
import type { LeaveOut } from './folder-files.js';
import { cachedFolder } from './host-cache.js';
import { recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

/** What a plan holds of a `file` or `folder` input; a folder has the digest of its tree. */
export interface InputDigest {
  digest: Digest;
  bytes: number;
  folder: boolean;
}

/** What a file or folder is for: a folder of `code` is stored without what running it leaves behind. */
export type InputUse = 'data' | 'code';

/** Hidden files, caches and installed packages: nothing that a program is made of. */
const isNoCode: LeaveOut = (name) =>
  name.startsWith('.') || name.endsWith('.pyc') || name === '__pycache__' || name === 'node_modules';
const leftOut: Record<InputUse, LeaveOut> = { data: () => false, code: isNoCode };

/** The digest of a local file or folder, stored nowhere. Throws StoreError `data` when it is not there or cannot be stored. */
export async function digestInput(path: string, use: InputUse = 'data'): Promise<InputDigest> {
  if (!(await isFolder(path))) return { ...(await hashFile(path)), folder: false };
  const files: Tree['files'] = [];
  for (const file of await folderFiles(path, leftOut[use]))
    files.push({ path: file, ...(await hashFile(join(path, file))) });
  return { digest: digestOf(recordBytes({ schema: 1, files } satisfies Tree)), bytes: totalBytes(files), folder: true };
}

/** Stores a local file or folder and returns its digest, the one digestInput gives. Safe to run again. */
export async function putInput(store: ObjectStore, path: string, use: InputUse = 'data'): Promise<InputDigest> {
  if (!(await isFolder(path))) return { ...(await ingestFile(store, path, 'theirs')), folder: false };
  const options = { source: 'theirs' as const, leaveOut: leftOut[use] };
  const { tree, bytes } = await ingestFolder(store, path, 'folder', options);
  return { digest: tree as Digest, bytes, folder: true };
}

/** Makes a stored input readable at a local path, read-only, and returns the path. Throws like materialise. */
export async function materialiseInput(
  store: ObjectStore,
  cacheDir: string,
  input: { digest: string; folder: boolean },
): Promise<string> {
  if (input.folder) return materialise(store, cacheDir, input.digest);
  const entry = `file-${input.digest.replace(/^sha256:/, '')}`;
  const folder = await cachedFolder(store, cacheDir, entry, async () => {
    const bytes = (await store.head(names.blob(input.digest)))?.bytes ?? 0;
    return [{ path: 'file', digest: input.digest, bytes }];
  });
  return join(folder, 'file');
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw systemCode(error) === 'ENOENT' ? missing(path) : unavailable(error, 'read', path);
  }
}

// A copy of an artifact outside of Pawl: plain files that belong to whoever asked, each checked while it is copied.
// I1: the target is whole or not there. I2: nothing is written outside of it, and no link into the store is left behind.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Tree } from '../schemas/generated/records.js';
import { readTree } from './artifacts.js';
import { StoreError, systemCode, unavailable } from './errors.js';
import { quarantineBlob } from './quarantine.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

const chunkBytes = 4 * 1024 * 1024;

/**
 * Copies the files of a tree to `target`, which must not be there or be an empty folder. Throws StoreError: `config` when it
 * holds something, `artifact_damaged` when a byte is wrong or gone (a wrong blob is moved aside), `store_unavailable` when a
 * disk fails. Leaves nothing behind then.
 */
export async function copyArtifact(
  store: ObjectStore,
  treeDigest: string,
  target: string,
): Promise<{ files: number; bytes: number }> {
  await refuseFilled(target);
  const { files } = await readTree(store, treeDigest); // refuses paths that lead out of it
  const parent = dirname(target);
  const tmp = join(parent, `.${basename(target)}.pawl-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(parent, { recursive: true });
    await mkdir(tmp); // new: nobody has put a link into it
    for (const file of files) await copyFile(store, tmp, file);
    await rmdir(target).catch(() => undefined); // an empty one
    await rename(tmp, target);
  } catch (error) {
    throw unavailable(error, 'write', target);
  } finally {
    await rm(tmp, { recursive: true, force: true });
  }
  return { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function refuseFilled(target: string): Promise<void> {
  try {
    if ((await readdir(target)).length === 0) return;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    if (systemCode(error) !== 'ENOTDIR') throw unavailable(error, 'read', target);
  }
  throw new StoreError('config', `${target} is there already and not empty. Name another folder with --to.`);
}

async function copyFile(store: ObjectStore, folder: string, file: Tree['files'][number]): Promise<void> {
  const path = join(folder, file.path);
  await mkdir(dirname(path), { recursive: true });
  const hash = createHash('sha256');
  const out = await open(path, 'wx'); // two names that this file system takes for one are refused
  try {
    for (let start = 0; start < file.bytes; start += chunkBytes) {
      const chunk = await store.get(names.blob(file.digest), { start, end: start + chunkBytes });
      if (chunk === null) throw gone(file);
      hash.update(chunk);
      await out.write(chunk);
    }
  } finally {
    await out.close();
  }
  if (file.bytes === 0 && (await store.head(names.blob(file.digest))) === null) throw gone(file);
  if (`sha256:${hash.digest('hex')}` === file.digest) return;
  throw await quarantineBlob(store, file.digest, `The file ${file.path} of an artifact does not match its digest.`);
}

const gone = ({ path }: Tree['files'][number]): StoreError =>
  new StoreError(
    'artifact_damaged',
    `The store no longer has the file ${path} of the artifact: the step that made it has to run again.`,
  );

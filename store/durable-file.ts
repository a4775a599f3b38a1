// Files that survive a power cut: written aside, flushed, then given their name in one step. Node's fs, nothing of Pawl.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, lstat, mkdir, open, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from './errors.js';
import { ownerMark } from './temporary-owner.js';

/** Objects are never changed in place, so nobody needs to write; nobody else needs to read. */
const FILE_MODE = 0o400;
const FOLDER_MODE = 0o700;

/** A name in `tmpDir` that nobody else uses. */
export const tmpName = (tmpDir: string): string => join(tmpDir, `${ownerMark()}${randomBytes(8).toString('hex')}`);

/** Makes a folder and the missing ones above it, private, and flushes the entries. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  const top = dirname(first);
  for (let folder = dirname(path); folder.length >= top.length; folder = dirname(folder)) {
    await flushFolder(folder);
    if (folder === dirname(folder)) break;
  }
}

/** Writes `body` to a new file in `tmpDir` and flushes it if asked to. Returns its path; on failure nothing is left. */
export async function writeTmp(tmpDir: string, body: Uint8Array | string, flush = true): Promise<string> {
  const path = tmpName(tmpDir);
  try {
    const file = await open(path, 'wx', FILE_MODE);
    try {
      await file.writeFile(body);
      if (flush) await file.sync();
    } finally {
      closeBehind(file);
    }
  } catch (error) {
    await removeFile(path);
    throw error;
  }
  return path;
}

/** Copies a file into `tmpDir`, sharing its blocks where the file system can, and flushes it. On failure nothing is left. */
export async function copyTmp(tmpDir: string, source: string): Promise<string> {
  const path = tmpName(tmpDir);
  try {
    await copyFile(source, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await chmod(path, FILE_MODE);
    await flushFile(path);
  } catch (error) {
    await removeFile(path);
    throw error;
  }
  return path;
}

/**
 * Gives a file the name `target`, if nothing has it: link() fails where rename() would overwrite. Makes missing folders.
 * True when this call did it. Durable when it resolves, if asked to be. Rejects with EXDEV or the like where links cannot be made.
 */
export async function linkNew(source: string, target: string, flush = true): Promise<boolean> {
  try {
    return await linkWithin(source, target, flush);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    await makeFolder(dirname(target));
    return linkWithin(source, target, flush);
  }
}

/**
 * Moves a new file aside to its name `target`, if nothing has that, once `ready` resolves. Its name aside goes in any case, while
 * the folder is flushed. True when this call did it.
 */
export async function moveNew(
  making: Promise<string>,
  target: string,
  { ready, flush }: { ready: Promise<unknown>; flush: boolean },
): Promise<boolean> {
  const tmp = await making;
  let isNew: boolean;
  try {
    await ready;
    isNew = await linkNew(tmp, target, false);
  } catch (error) {
    await removeFile(tmp);
    throw error;
  }
  await Promise.all([removeFile(tmp), flush ? flushFolder(dirname(target)) : null]);
  return isNew;
}

/** Like linkNew in a folder that must be there: rejects with ENOENT where it is not. */
export async function linkWithin(source: string, target: string, flush = true): Promise<boolean> {
  try {
    await link(source, target);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    if (flush) await flushFolder(dirname(target)); // the winner may not have come to it yet
    return false;
  }
  if (flush) await flushFolder(dirname(target));
  return true;
}

/** Moves a file in `tmpDir` over `target`, whatever is there. Durable when it resolves. */
export async function moveOver(tmp: string, target: string): Promise<void> {
  try {
    await rename(tmp, target);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    await makeFolder(dirname(target));
    await rename(tmp, target);
  }
  await flushFolder(dirname(target));
}

/** Removes a file if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

/**
 * Whether a file may be taken over by a link: it has this one name only, so that nobody can change it through another.
 * Makes it read-only and flushes it when so.
 */
export async function takeOver(path: string): Promise<boolean> {
  const { nlink } = await lstat(path);
  if (nlink !== 1) return false;
  await flushFile(path);
  await chmod(path, FILE_MODE);
  return true;
}

/** Flushes the names in a folder. File systems that cannot (some network ones) are taken at their word. */
export async function flushFolder(path: string): Promise<void> {
  try {
    await flushFile(path);
  } catch (error) {
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'ENOTSUP') throw error;
  }
}

/** Flushes what a file holds. */
export async function flushFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY);
  try {
    await file.sync();
  } finally {
    closeBehind(file);
  }
}

/** Closes a file without waiting: nothing is written by that any more. */
export const closeBehind = (file: FileHandle): void => void file.close().catch(() => undefined);

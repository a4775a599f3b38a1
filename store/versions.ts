// Compare-and-swap on a folder, without locks. The first version of an object is the file of its name; each later one is a
// file with the next number in a folder of its own, `.versions/<name>/<number>`, and the highest number is what the object is.
//
// Owns: `.versions/`. Does not own: the first version, which folder-store.ts creates, replaces and removes.
// I1. A version comes into being by link() under the number after the one it replaces. Of two writers that read the same
//     version one gets EEXIST. A process killed at any point has either linked or not: there is nothing to clean up or time out.
// I2. The highest number is never deleted (but with the object); lower ones are, when they are neither young nor among the last few.
// I3. So a writer that slept between reading and linking may find its number free again. It sees that afterwards: the numbers
//     from its own to the highest have a gap. Then it takes its file back and has lost; readers never saw it, by the highest-wins rule.
import type { BigIntStats } from 'node:fs';
import { readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { linkWithin, makeFolder, removeFile, tmpName } from './durable-file.js';
import { systemCode } from './errors.js';

/** Deleted only when there are this many later ones … */
const KEEP_VERSIONS = 16;
/** … and it is as old as this: far longer than any writer sleeps between reading and linking. */
const KEEP_MS = 10 * 60 * 1000;

/** The current version of an object: its number (0 = the first), file, and the etag that changes with every version. */
export interface Version {
  number: number;
  path: string;
  etag: string;
  bytes: number;
  modifiedAt: number;
}

export interface VersionedFile {
  /** File of the first version. */
  base: string;
  /** Folder of the later ones. */
  versions: string;
}

/** The current version; null when the object is not there. */
export async function currentVersion(file: VersionedFile): Promise<Version | null> {
  for (;;) {
    const [numbers, first] = await Promise.all([versionNumbers(file.versions), statOrNull(file.base)]);
    if (first === null) return null; // the first version stays as long as the object
    const highest = numbers.at(-1) ?? 0;
    if (highest === 0) return versionOf(0, file.base, first);
    const path = versionPath(file, highest);
    const stats = await statOrNull(path);
    if (stats !== null) return versionOf(highest, path, stats);
    // superseded and deleted, or removed, since it was listed
  }
}

/** What the object holds if it was never swapped; null when it is not there, undefined when it was swapped. Looks once. */
export async function readFirst(file: VersionedFile): Promise<Uint8Array | null | undefined> {
  const [numbers, body] = await Promise.all([
    versionNumbers(file.versions),
    readFile(file.base).catch((error: unknown) => {
      if (isMissing(error)) return null;
      throw error;
    }),
  ]);
  return body === null || numbers.length === 0 ? body : undefined;
}

/** Makes the file `tmp` the version after `etag`. False when `etag` is not the current one. */
export async function linkNext(file: VersionedFile, etag: string, tmp: string): Promise<boolean> {
  const current = await currentVersion(file);
  if (current === null || current.etag !== etag) return false;
  if (current.number === 0) await makeFolder(file.versions);
  return linkAfter(file, current.number, tmp, Date.now());
}

/** Makes `tmp` the version after `number`, which was the current one when it was read, however long ago (I1, I3). */
export async function linkAfter(file: VersionedFile, number: number, tmp: string, now: number): Promise<boolean> {
  const path = versionPath(file, number + 1);
  try {
    if (!(await linkWithin(tmp, path))) return false;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false; // the object was removed
    throw error;
  }
  const numbers = await versionNumbers(file.versions);
  const isStray = number === 0 && (await statOrNull(file.base)) === null; // removed after it was read
  if (isStray || !isUnbroken(numbers, number + 1)) {
    await removeFile(path);
    return false;
  }
  await dropOld(file, numbers, now);
  return true;
}

/** Makes the file `tmp` the current version of an object that was swapped before; false for any other. For `put`. */
export async function replaceHighest(file: VersionedFile, tmp: string): Promise<boolean> {
  for (;;) {
    const numbers = await versionNumbers(file.versions);
    const highest = numbers.at(-1);
    if (highest === undefined) return false;
    if (!(await linkWithin(tmp, versionPath(file, highest + 1)))) continue;
    await dropOld(file, numbers, Date.now());
    return true;
  }
}

/** Removes all later versions at once: the folder is moved away, so that a late writer finds it gone. */
export async function removeVersions(file: VersionedFile, tmpDir: string): Promise<void> {
  const trash = tmpName(tmpDir);
  try {
    await rename(file.versions, trash);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(trash, { recursive: true, force: true });
}

/** The numbers of the later versions, ascending; none when the object was never swapped. */
async function versionNumbers(folder: string): Promise<number[]> {
  try {
    const entries = await readdir(folder);
    return entries
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .sort((a, b) => a - b);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isUnbroken(numbers: readonly number[], from: number): boolean {
  const start = numbers.indexOf(from);
  return start >= 0 && numbers.slice(start).every((number, position) => number === from + position);
}

async function dropOld(file: VersionedFile, numbers: readonly number[], now: number): Promise<void> {
  for (const number of numbers.slice(0, -KEEP_VERSIONS)) {
    const stats = await statOrNull(versionPath(file, number));
    if (stats !== null && now - Number(stats.ctimeMs) < KEEP_MS) return;
    await removeFile(versionPath(file, number));
  }
}

const versionPath = (file: VersionedFile, number: number): string =>
  join(file.versions, String(number).padStart(12, '0'));

function versionOf(number: number, path: string, stats: BigIntStats): Version {
  const etag = `${number}-${stats.ino}-${stats.mtimeNs}-${stats.size}`;
  return { number, path, etag, bytes: Number(stats.size), modifiedAt: Number(stats.mtimeMs) };
}

async function statOrNull(path: string): Promise<BigIntStats | null> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Nothing has that name, or a file stands where the name has a folder. */
const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '');

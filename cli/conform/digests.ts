// What files a folder holds, to be compared.
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Path below a folder -> digest of the file. */
export type Digests = Record<string, string>;

/** The files below a folder; what vanishes meanwhile is left out. */
export async function digestsOf(folder: string): Promise<Digests> {
  const files: [string, string][] = [];
  for (const path of await pathsBelow(folder)) {
    const body = await readFile(join(folder, path)).catch(() => null);
    if (body !== null) files.push([path, createHash('sha256').update(body).digest('hex')]);
  }
  return Object.fromEntries(files);
}

/** Path below a folder -> size and time: enough to see that somebody has written there. At most so many files. */
export async function marksOf(folder: string, leaveOut: RegExp, atMost = 20_000): Promise<Digests> {
  const marks: Digests = {};
  for (const path of (await pathsBelow(folder, leaveOut)).slice(0, atMost)) {
    const found = await stat(join(folder, path)).catch(() => null);
    if (found !== null) marks[path] = `${found.size} ${found.mtimeMs}`;
  }
  return marks;
}

/** The paths that are not the same in both, sorted. Pure. */
export const changedIn = (before: Digests, after: Digests): string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((path) => before[path] !== after[path]).sort();

/** Files by path, sorted; nothing of what `leaveOut` names is looked into. */
async function pathsBelow(folder: string, leaveOut?: RegExp): Promise<string[]> {
  const paths: string[] = [];
  const visit = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true }).catch(() => [])) {
      if (leaveOut?.test(entry.name) === true) continue;
      if (entry.isDirectory()) await visit(join(below, entry.name));
      else if (entry.isFile()) paths.push(join(below, entry.name));
    }
  };
  await visit('');
  return paths.sort();
}

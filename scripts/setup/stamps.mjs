// Stamps say what a leg of the set-up was last made from; equal stamp = nothing to do.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Hex digest of texts; order matters. Pure. @param {string[]} parts */
export const digestOf = (...parts) => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** The text of a file, or '' when there is none. @param {string} path */
export function textOf(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

const pathOf = (home, name) => join(home, 'stamps', name);

/** Whether the leg was last made from exactly this. @param {string} home @param {string} name @param {string} digest */
export const isFresh = (home, name, digest) => textOf(pathOf(home, name)) === digest;

/** Written last, so that an interrupted leg is not taken for a finished one. */
export function writeStamp(home, name, digest) {
  mkdirSync(join(home, 'stamps'), { recursive: true });
  writeFileSync(pathOf(home, name), digest);
}

/** Forgets what the leg was made from; before the leg changes anything. */
export const clearStamp = (home, name) => rmSync(pathOf(home, name), { force: true });

/**
 * Digest of the names, sizes and modification times of all files below some paths: cheap, and changes with every save.
 * @param {string} root @param {string[]} paths relative to root @param {(name: string) => boolean} wanted
 */
export function digestOfTree(root, paths, wanted) {
  const lines = [];
  const visit = (path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isDirectory()) {
      if (wanted(path)) lines.push(`${path} ${stat.size} ${stat.mtimeMs}`);
      return;
    }
    for (const name of readdirSync(join(root, path)).sort()) visit(`${path}/${name}`);
  };
  for (const path of paths) visit(path);
  return digestOf(...lines);
}

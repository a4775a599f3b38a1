// Listing the objects of a folder store in the order of their names, folder by folder.
import { readdir } from 'node:fs/promises';
import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { systemCode, unavailable } from './errors.js';
import type { ObjectInfo } from './store.js';
import { currentVersion } from './versions.js';

/** Objects whose names begin with `prefix`, sorted by name as S3 sorts. A folder that vanishes meanwhile counts as empty. */
export async function* listObjects(dir: string, prefix: string): AsyncIterable<ObjectInfo> {
  yield* walk(dir, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix);
}

async function* walk(dir: string, folder: string, prefix: string): AsyncIterable<ObjectInfo> {
  // Compared with the slash that follows a folder's name, because 'a.json' sorts before 'a/x'.
  const entries = (await readFolder(join(dir, folder)))
    .filter((entry) => folder !== '' || !(entry.name.startsWith('.') || entry.name === 'store.json'))
    .map((entry) => ({ isFolder: entry.isDirectory(), name: folder + entry.name + (entry.isDirectory() ? '/' : '') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { isFolder, name } of entries) {
    if (isFolder && (name.startsWith(prefix) || prefix.startsWith(name))) yield* walk(dir, name, prefix);
    if (!isFolder && name.startsWith(prefix)) {
      const version = await currentVersion({ base: join(dir, name), versions: join(dir, '.versions', name) });
      if (version !== null) yield { name, bytes: version.bytes, modifiedAt: version.modifiedAt };
    }
  }
}

async function readFolder(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw unavailable(error, 'list', path);
  }
}

// The store on a folder: objects are files under their names, so that a person can look at them.
//
//   <dir>/store.json          id and version of the format
//   <dir>/<name>              an object (its first version, if it was ever swapped)
//   <dir>/.versions/<name>/   later versions of an object that was swapped (versions.ts)
//   <dir>/.tmp/               files on their way in; what a killed process left here is swept when the store is opened
//
// Every write goes to .tmp/, is flushed, gets its name by link() (never rename(), which would overwrite) and the folder is
// flushed: a process killed at any point leaves the whole object or none.
import { copyFile, chmod, link, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  copyTmp,
  flushFile,
  flushFolder,
  linkNew,
  moveNew,
  makeFolder,
  moveOver,
  removeFile,
  takeOver,
  writeTmp,
} from './durable-file.js';
import { systemCode, unavailable } from './errors.js';
import { listObjects } from './list-objects.js';
import { checkObjectName, checkPrefix } from './object-name.js';
import { newStoreJson, parseStoreJson } from './store-json.js';
import type { ObjectStore, Placed } from './store.js';
import { isAbandoned } from './temporary-owner.js';
import { currentVersion, linkNext, readFirst, removeVersions, replaceHighest } from './versions.js';
import type { Version, VersionedFile } from './versions.js';

const TMP_LIFETIME_MS = 24 * 60 * 60 * 1000;

/**
 * Opens the store in a folder, making both when they are not there. Throws StoreError `config` for a folder that holds
 * something else or a newer format, `store_unavailable` when it cannot be read or written.
 */
export async function openFolderStore(dir: string): Promise<ObjectStore> {
  const tmpDir = join(dir, '.tmp');
  const id = await guarded('write', dir, async () => {
    await makeFolder(tmpDir);
    return readOrMakeId(dir, tmpDir);
  });
  await sweep(tmpDir);
  const fileOf = (name: string): VersionedFile => {
    checkObjectName(name);
    return { base: join(dir, name), versions: join(dir, '.versions', name) };
  };
  return {
    id,
    ...readers(dir, fileOf),
    ...writers(tmpDir, fileOf),
  };
}

type Readers = 'get' | 'getVersioned' | 'head' | 'toFile' | 'list';
type FileOf = (name: string) => VersionedFile;

function readers(dir: string, fileOf: FileOf): Pick<ObjectStore, Readers> {
  return {
    get: async (name, range) => {
      const file = fileOf(name);
      return guarded('read', file.base, async () => {
        const first = range === undefined ? await readFirst(file) : undefined;
        return first === undefined ? readCurrent(file, (version) => readBytes(version, range)) : first;
      });
    },
    getVersioned: async (name) => {
      const file = fileOf(name);
      return guarded('read', file.base, () =>
        readCurrent(file, async (version) => ({ body: await readBytes(version), etag: version.etag })),
      );
    },
    head: async (name) => {
      const file = fileOf(name);
      const version = await guarded('read', file.base, () => currentVersion(file));
      return version === null ? null : { name, bytes: version.bytes, modifiedAt: version.modifiedAt };
    },
    toFile: async (name, path) => {
      const file = fileOf(name);
      return guarded('write', path, () =>
        readCurrent(file, async (version): Promise<Placed> => {
          await linkOrCopyOut(version.path, path);
          return { name, bytes: version.bytes, modifiedAt: version.modifiedAt };
        }),
      );
    },
    list: (prefix) => {
      checkPrefix(prefix);
      return listObjects(dir, prefix);
    },
  };
}

function writers(tmpDir: string, fileOf: FileOf): Omit<ObjectStore, Readers | 'id'> {
  const folderFor = folderMaker();
  return {
    createIfAbsent: async (name, body, { flush = true, oftenThere = false, after } = {}) => {
      after?.catch(() => undefined); // awaited when the file is written
      const file = fileOf(name);
      if (oftenThere && (await isThere(file.base))) {
        await guarded('write', file.base, () => flushFolder(dirname(file.base))); // its maker may not have come to it yet
        return false;
      }
      const folder = folderFor(file.base).catch(() => undefined); // linkNew says what is wrong
      const ready = Promise.all([folder, after]);
      ready.catch(() => undefined); // awaited when the file is written
      // The first version stays as long as the object: link() sees whether there is one.
      return guarded('write', file.base, () => moveNew(writeTmp(tmpDir, body, flush), file.base, { ready, flush }));
    },
    compareAndSwap: async (name, etag, body) => {
      const file = fileOf(name);
      return guarded('write', file.base, async () => {
        if ((await currentVersion(file))?.etag !== etag) return false;
        return withTmp(writeTmp(tmpDir, body), (tmp) => linkNext(file, etag, tmp));
      });
    },
    put: async (name, body) => {
      const file = fileOf(name);
      await guarded('write', file.base, () =>
        withTmp(writeTmp(tmpDir, body), async (tmp) => {
          if (!(await replaceHighest(file, tmp))) await moveOver(tmp, file.base);
        }),
      );
    },
    createFromFile: async (name, path, options) => {
      const file = fileOf(name);
      return guarded('write', file.base, async () => {
        const there = await currentVersion(file);
        if (there !== null) await flushFolder(dirname(file.base)); // its maker may not have come to it yet
        const created = there === null && (await linkIn(tmpDir, path, file.base, options?.source ?? 'ours'));
        const { bytes, modifiedAt } = there ?? (await currentVersion(file)) ?? { bytes: 0, modifiedAt: 0 };
        return { name, bytes, modifiedAt, created };
      });
    },
    remove: async (name) => {
      const file = fileOf(name);
      await guarded('remove', file.base, async () => {
        await removeFile(file.base);
        await removeVersions(file, tmpDir);
        await flushFolder(dirname(file.base)).catch((error: unknown) => {
          if (systemCode(error) !== 'ENOENT') throw error;
        });
      });
    },
  };
}

/** Makes the folder of a file while the file is still being written. A folder is made once; gone later, linkNew makes it again. */
function folderMaker(): (path: string) => Promise<void> {
  const made = new Set<string>();
  return async (path) => {
    const folder = dirname(path);
    if (made.has(folder)) return;
    await makeFolder(folder);
    if (made.size >= 4096) made.clear();
    made.add(folder);
  };
}

/** The store's id from store.json, which the first to open it makes. */
async function readOrMakeId(dir: string, tmpDir: string): Promise<string> {
  const path = join(dir, 'store.json');
  const body = await readFile(path, 'utf8').catch(async (error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
    await withTmp(writeTmp(tmpDir, newStoreJson()), (tmp) => linkNew(tmp, path));
    return readFile(path, 'utf8');
  });
  return parseStoreJson(body, path);
}

/** Runs `use` on the current version; again when that was superseded and deleted meanwhile. */
async function readCurrent<Out>(file: VersionedFile, use: (version: Version) => Promise<Out>): Promise<Out | null> {
  for (;;) {
    const version = await currentVersion(file);
    if (version === null) return null;
    try {
      return await use(version);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      if ((await currentVersion(file))?.etag === version.etag) throw error; // something else is missing
    }
  }
}

async function readBytes(version: Version, range?: { start: number; end: number }): Promise<Uint8Array> {
  if (range === undefined) return readFile(version.path);
  const start = Math.min(Math.max(range.start, 0), version.bytes);
  const body = new Uint8Array(Math.max(Math.min(range.end, version.bytes) - start, 0));
  const file = await open(version.path, 'r');
  try {
    let filled = 0;
    while (filled < body.length) {
      const { bytesRead } = await file.read(body, filled, body.length - filled, start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return body.subarray(0, filled);
  } finally {
    await file.close();
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false, // what is wrong shows when it is written
  );

/** Makes a file an object by a link, or by a copy where links do not reach or the file belongs to somebody. */
async function linkIn(tmpDir: string, path: string, target: string, source: 'ours' | 'theirs'): Promise<boolean> {
  if (source !== 'theirs' && (await takeOver(path))) {
    try {
      return await linkNew(path, target);
    } catch (error) {
      if (!cannotLink(error)) throw error;
    }
  }
  return withTmp(copyTmp(tmpDir, path), (tmp) => linkNew(tmp, target));
}

/** Links an object to `path`, or copies it where links do not reach. `path` never shows half a file. */
async function linkOrCopyOut(source: string, path: string): Promise<void> {
  try {
    await link(source, path);
  } catch (error) {
    if (!cannotLink(error)) throw error;
    const partial = `${path}.partial`;
    try {
      await copyFile(source, partial, constants.COPYFILE_FICLONE);
      await chmod(partial, 0o400);
      await flushFile(partial);
      await rename(partial, path);
    } catch (failure) {
      await removeFile(partial);
      throw failure;
    }
  }
}

/** Another device, too many links, links forbidden for files of others, or a file system without links. */
const cannotLink = (error: unknown): boolean =>
  ['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'ENOSYS'].includes(systemCode(error) ?? '');

async function withTmp<Out>(making: Promise<string>, use: (tmp: string) => Promise<Out>): Promise<Out> {
  const tmp = await making;
  try {
    return await use(tmp);
  } finally {
    await removeFile(tmp);
  }
}

/** Removes what killed processes left in .tmp/: those of this machine at once, others after a day. Never a reason to fail. */
async function sweep(tmpDir: string): Promise<void> {
  const entries = await readdir(tmpDir).catch(() => []);
  for (const entry of entries) {
    const path = join(tmpDir, entry);
    const stats = await stat(path).catch(() => null);
    if (stats === null || (!isAbandoned(entry) && Date.now() - stats.mtimeMs < TMP_LIFETIME_MS)) continue;
    await removeFile(path).catch(() => undefined);
  }
}

async function guarded<Out>(action: 'read' | 'write' | 'remove', path: string, run: () => Promise<Out>): Promise<Out> {
  try {
    return await run();
  } catch (error) {
    throw unavailable(error, action, path);
  }
}

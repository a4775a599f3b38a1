// Shares a read-only file between artifacts.
import { constants } from 'node:fs';
import { copyFile, link, realpath } from 'node:fs/promises';

/**
 * Makes `to` the same file as `from` by a hard link, or a copy (a clone where the file system can) when that is impossible. Fails
 * when `to` exists: it may be a link itself, and writing into it would change what it is linked to. `tryLink` is there for tests.
 */
export async function linkFile(from: string, to: string, tryLink = link): Promise<void> {
  const source = await realpath(from);
  try {
    await tryLink(source, to);
  } catch {
    // Another file system, or one without links: the copy reports what is really wrong.
    await copyFile(source, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
}

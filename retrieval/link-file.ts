// Shares a read-only file between artifacts.
import { constants } from 'node:fs';
import { copyFile, link, realpath } from 'node:fs/promises';

/** Makes `to` the same file as `from` by a hard link, or a copy (a clone where the file system can) when that is impossible. */
export async function linkFile(from: string, to: string): Promise<void> {
  const source = await realpath(from);
  try {
    await link(source, to);
  } catch {
    // Another file system, or one without links: the copy reports what is really wrong.
    await copyFile(source, to, constants.COPYFILE_FICLONE);
  }
}

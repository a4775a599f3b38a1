// Whether a program has left anything.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Whether no file is below a folder, or the folder is gone. Empty folders do not count: artifacts do not keep them. */
export async function isEmptyFolder(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isDirectory() || !(await isEmptyFolder(join(folder, entry.name)))) return false;
  }
  return true;
}

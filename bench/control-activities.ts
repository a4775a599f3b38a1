// What the activities of the controls do.
import { randomBytes } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';

/** Activities that write into `folder` the files of step n: files of these sizes, each flushed, and its folder as well. */
export function controlActivities(folder: string, sizesOf: (step: number) => readonly number[]) {
  return {
    async nothing(): Promise<void> {
      await Promise.resolve();
    },
    async write(step: number): Promise<void> {
      const target = join(folder, String(step).padStart(6, '0'));
      await mkdir(target, { recursive: true });
      for (const [index, size] of sizesOf(step).entries()) {
        await writeFlushed(join(target, String(index)), randomBytes(size));
        await flushFolder(target);
      }
    },
  };
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

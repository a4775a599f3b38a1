// One attempt at a step: its name, its folder, and what is left of attempts whose worker died.
import { randomBytes } from 'node:crypto';
import { access, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning } from '../store/running-process.js';

/** A name that sorts by time and that no other attempt has, on any host. */
export const attemptName = (now: number): string =>
  `${now.toString(36).padStart(9, '0')}-${randomBytes(3).toString('hex')}`;

/** Makes an empty folder for an attempt below the worker's. */
export async function openAttemptFolder(workRoot: string, attempt: string): Promise<string> {
  const folder = join(workRoot, attempt);
  await mkdir(join(folder, 'outputs'), { recursive: true });
  return folder;
}

/** Removes an attempt's folder with everything in it. Safe to call again. */
export const closeAttemptFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

export interface WorkRoot {
  path: string;
  /** Whether a worker of this host was killed while it had a trainer: its steps come back, and want one soon. */
  hadTrainer: boolean;
}

/**
 * Makes this worker's own folder below `<home>/work` and removes those of workers whose process is gone. A folder says whose it
 * is in worker.json. Safe when several workers start at once.
 */
export async function openWorkRoot(home: string, now: number): Promise<WorkRoot> {
  const all = join(home, 'work');
  await mkdir(all, { recursive: true, mode: 0o700 });
  let hadTrainer = false;
  for (const folder of await deadWorkRoots(home)) {
    hadTrainer ||= await isThere(join(folder, trainerMark));
    await rm(folder, { recursive: true, force: true });
  }
  const path = join(all, `worker-${attemptName(now)}`);
  await mkdir(path, { mode: 0o700 });
  await writeFile(join(path, 'worker.json'), JSON.stringify({ pid: process.pid }), { mode: 0o600 });
  if (hadTrainer) await noteTrainer(path); // so that the next one knows, should this one not come so far
  return { path, hadTrainer };
}

/** Notes in a worker's folder that it has a trainer. */
export const noteTrainer = (workRoot: string): Promise<void> =>
  writeFile(join(workRoot, trainerMark), '', { mode: 0o600 });

/** Removes the folder of a worker that ends in good order. */
export const closeWorkRoot = (workRoot: string): Promise<void> => rm(workRoot, { recursive: true, force: true });

const trainerMark = '.trainer';

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The folders of workers below `<home>/work` whose process is gone. */
export async function deadWorkRoots(home: string): Promise<string[]> {
  const all = join(home, 'work');
  const dead: string[] = [];
  for (const entry of await readdir(all).catch(() => []))
    if (!(await isOwned(join(all, entry)))) dead.push(join(all, entry));
  return dead;
}

/** Whether a live worker owns a folder; one that is just being made counts as owned. */
async function isOwned(folder: string): Promise<boolean> {
  try {
    const owner: unknown = JSON.parse(await readFile(join(folder, 'worker.json'), 'utf8'));
    if (typeof owner !== 'object' || owner === null || !('pid' in owner) || typeof owner.pid !== 'number') return false;
    // In a container every worker has the same process id, so an own one in an older folder is a dead worker's.
    return owner.pid !== process.pid && isRunning(owner.pid);
  } catch (error) {
    return (
      (error as NodeJS.ErrnoException).code === 'ENOENT' && (await readdir(folder).catch(() => ['?'])).length === 0
    );
  }
}

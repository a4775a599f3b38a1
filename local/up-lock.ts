// One `up` or `down` at a time for a home: two would start everything twice.
import { openSync, closeSync, rmSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJsonFile } from './json-file.js';
import type { Layout } from './layout.js';
import { LocalError } from './local-error.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

const patienceMs = 90_000;

/** Runs `work` while no other process of this home does the like; a lock whose holder has died is taken over. */
export async function withUpLock<T>(layout: Layout, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  while (!tryLock(layout.upLock)) {
    const holder = readJsonFile<ProcessIdentity>(layout.upLock);
    if (holder !== null && !isAlive(holder)) {
      rmSync(layout.upLock, { force: true });
      continue;
    }
    if (Date.now() > deadline) {
      throw new LocalError(
        'not_ready',
        `Another \`pawl up\` or \`down\`${holder === null ? '' : ` (pid ${holder.pid})`} has been busy for ${patienceMs / 1000} s.\nLook at its output, or remove ${layout.upLock} if it is gone.`,
      );
    }
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(layout.upLock, { force: true });
  }
}

function tryLock(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  writeSync(file, JSON.stringify(identify(process.pid)));
  closeSync(file);
  return true;
}

// One set-up at a time in a clone: a lock file with the process id of its holder. A dead holder's lock is taken over.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Runs `work` while holding the lock; waits for a living holder, saying so once.
 * @template T @param {string} path @param {() => Promise<T>} work @param {(holder: number) => void} onWait
 * @returns {Promise<T>}
 */
export async function withLock(path, work, onWait, pollMs = 500) {
  mkdirSync(dirname(path), { recursive: true });
  for (let waited = false; !take(path); waited = true) {
    const holder = holderOf(path);
    if (holder === null || !isAlive(holder)) {
      setAside(path, holder);
      continue;
    }
    if (!waited) onWait(holder);
    await sleep(pollMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Linking a file that already holds the number: no reader ever sees the lock without it. */
function take(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

/** Removes the lock of a dead holder, and puts back one that somebody else took in the meantime. */
function setAside(path, deadHolder) {
  const aside = `${path}.${process.pid}.dead`;
  try {
    renameSync(path, aside);
    if (holderOf(aside) !== deadHolder) linkSync(aside, path);
  } catch {
    // Another process was faster; the next round looks again.
  } finally {
    rmSync(aside, { force: true });
  }
}

function holderOf(path) {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/** Whether a process runs; a zombie does not. @param {number} pid */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}

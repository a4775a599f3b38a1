// The log of one attempt at a command, below the logs of this worker; the oldest are removed.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openStderrLog, type StderrLog } from '../engine/stderr-tail.js';

const keptLogs = 200;

/** Opens the log of an attempt: its name sorts by time, and says which step it is of. */
export function openCommandLog(logFolder: string, attempt: string, step: string): StderrLog & { path: string } {
  const folder = join(logFolder, 'commands');
  mkdirSync(folder, { recursive: true });
  const old = readdirSync(folder).sort().slice(0, -keptLogs);
  for (const name of old) rmSync(join(folder, name), { force: true });
  const path = join(folder, `${attempt}-${step.replace(/[^\w.=-]+/g, '_')}.log`);
  return { ...openStderrLog(path), path };
}

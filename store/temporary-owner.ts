// Temporary files and folders say by their names which process makes them: what a killed one has left can be told from what
// a live one is still writing, and goes when the next process opens the folder.
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { isRunning } from './running-process.js';

/** Part of a name: this process on this machine. */
export const ownerMark = (): string => `${machine()}.${process.pid}.`;

/**
 * Whether the process that a name tells of is gone for certain: it was one of this machine (since it was last started, in this
 * container), and no process has its id. Others, on a shared disk perhaps, are unknown and so not abandoned.
 */
export function isAbandoned(name: string): boolean {
  const [, where, pid] = /([0-9a-f]{8})\.(\d+)\./.exec(name) ?? [];
  return where === machine() && !isRunning(Number(pid));
}

let known: string | null = null;

/** Names the machine since it was started, and the container: process ids mean nothing beyond. */
function machine(): string {
  known ??= createHash('sha256')
    .update([hostname(), textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')), namespace()].join(' '))
    .digest('hex')
    .slice(0, 8);
  return known;
}

const namespace = (): string => textOf(() => readlinkSync('/proc/self/ns/pid'));

function textOf(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // no Linux
  }
}

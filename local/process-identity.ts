// A process by its id and when it started: ids are used again, so an id alone must never be signalled.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** As the system names it (clock ticks since boot on Linux, a date elsewhere); compared, never read. */
  started: string;
}

/** When the process `pid` started, or null when there is none (or only its zombie). Reads the process table. */
export function startOf(pid: number): string | null {
  if (process.platform === 'linux') return startOnLinux(pid);
  try {
    const out = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
    return out === '' ? null : out;
  } catch {
    return null;
  }
}

/** Identity of a process that is alive now; null when it is not. */
export function identify(pid: number): ProcessIdentity | null {
  const started = startOf(pid);
  return started === null ? null : { pid, started };
}

/** Whether that very process still runs. */
export const isAlive = (process: ProcessIdentity): boolean => startOf(process.pid) === process.started;

/**
 * Sends a signal to a process, or to its whole group, if it is still the one meant. Returns whether it was.
 * @param target.group the process leads a group of its own (it was started detached)
 */
export function signal(target: ProcessIdentity & { group: boolean }, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  return sendTo(target.group ? -target.pid : target.pid, name);
}

/** Kills a group. Only for one whose leader is the caller's own child: nobody else can have got its id yet. */
export const killGroupOfChild = (pid: number): boolean => sendTo(-pid, 'SIGKILL');

function sendTo(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

function startOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name is in parentheses and may hold anything: count fields after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return null;
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${bootId}:${fields[19] ?? ''}`;
  } catch {
    return null;
  }
}

// The processes of an installation: who they are, and kill -9 for exactly the one that is meant.
import { execFileSync } from 'node:child_process';
import { readJsonFile } from '../local/json-file.js';
import { layoutOf } from '../local/layout.js';
import { identify, isAlive, signal, type ProcessIdentity } from '../local/process-identity.js';
import type { ServiceState } from '../local/service-spec.js';
import type { Target } from './schedule.js';

interface Row {
  pid: number;
  parent: number;
  command: string;
}

/** The live process that a target is now; null while there is none. Reads state files and the process table. */
export function processOf(home: string, target: Target): ProcessIdentity | null {
  if (target !== 'trainer') {
    const state = readJsonFile<ServiceState>(layoutOf(home).state(target));
    return state?.process != null && isAlive(state.process) ? state.process : null;
  }
  const worker = processOf(home, 'worker');
  const row = rows(['-eo']).find(({ parent, command }) => parent === worker?.pid && command.includes('pawl_trainer'));
  return row === undefined ? null : identify(row.pid);
}

/** SIGKILL to that very process; false when it is gone already. */
export const kill = (process: ProcessIdentity): boolean => signal({ ...process, group: false }, 'SIGKILL');

/** What runs on behalf of a folder: whatever names it in its command line or its environment, as `pid command`. */
export const processesOf = (folder: string): string[] =>
  rows(['axeww', '-o'])
    .filter(({ command }) => command.includes(folder))
    .map(({ pid, command }) => `${pid} ${command.slice(0, 120)}`);

function rows(options: string[]): Row[] {
  return execFileSync('ps', [...options, 'pid=,ppid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 })
    .split('\n')
    .flatMap((line) => {
      const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
    });
}

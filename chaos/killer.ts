// Carries the kills of one run out: follows the worker's trace, and kills at the planned points and times.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault, TraceLine } from '../worker/faults.js';
import { kill as killProcess, processOf } from './processes.js';
import type { Kill } from './schedule.js';

/** A kill that was carried out. */
export interface Killed extends Kill {
  /** Milliseconds since the epoch. */
  killedAt: number;
  /** Process id; null where the worker ended itself at a named point. */
  pid: number | null;
}

export interface Killer {
  /** What was killed so far. */
  done(): readonly Killed[];
  /** Kills nobody any more. */
  stop(): Promise<void>;
}

const lookEveryMs = 10;
/** A target that is about to be started again by its supervisor is waited for. */
const absentForMs = 20_000;

/** Where the faults of an installation are kept. */
export const faultFolder = (home: string): string => join(home, 'faults');

/** Writes the plan for the worker; before it starts. */
export function planFaults(home: string, kills: readonly Kill[]): void {
  const folder = faultFolder(home);
  mkdirSync(folder, { recursive: true });
  const faults = kills.flatMap(({ id, target, trigger }): Fault[] =>
    'point' in trigger ? [{ id, then: target === 'worker' ? 'self' : 'wait', point: trigger.point }] : [],
  );
  writeFileSync(join(folder, 'faults.json'), JSON.stringify(faults, null, 2));
}

/** The trace of an installation; a line that is still being written is left out. */
export function readTrace(home: string): TraceLine[] {
  const path = join(faultFolder(home), 'trace.jsonl');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line) as TraceLine);
}

/** Begins; `say` is told of each kill. */
export function startKiller(home: string, kills: readonly Kill[], say: (killed: Killed) => void): Killer {
  const done: Killed[] = [];
  const pending: Promise<unknown>[] = [];
  const begun = new Set<string>();
  let isStopped = false;
  const note = (kill: Kill, killedAt: number, pid: number | null): void => {
    const killed = { ...kill, killedAt, pid };
    done.push(killed);
    say(killed);
  };
  const carryOut = async (kill: Kill): Promise<void> => {
    const end = Date.now() + absentForMs;
    for (let isDone = false; !isDone && !isStopped && Date.now() < end;) {
      const target = processOf(home, kill.target);
      isDone = target !== null && killProcess(target);
      if (isDone) note(kill, Date.now(), target?.pid ?? null);
      else await sleep(50);
    }
  };
  const react = async (kill: Kill, line: TraceLine): Promise<void> => {
    if ('point' in kill.trigger) {
      if (kill.target === 'worker') {
        note(kill, line.at, null); // it did it itself
        return;
      }
      await carryOut(kill);
      writeFileSync(join(faultFolder(home), `${kill.id}.go`), '');
      return;
    }
    await sleep(Math.max(0, line.at + kill.trigger.delayMs - Date.now()));
    if (!isStopped) await carryOut(kill);
  };
  const follow = async (): Promise<void> => {
    let seen = 0;
    while (!isStopped) {
      const trace = readTrace(home);
      for (const line of trace.slice(seen))
        for (const kill of kills.filter((one) => !begun.has(one.id) && isTrigger(one, line))) {
          begun.add(kill.id);
          pending.push(react(kill, line));
        }
      seen = trace.length;
      await sleep(lookEveryMs);
    }
  };
  const following = follow();
  return {
    done: () => done,
    async stop() {
      isStopped = true;
      await Promise.all([following, ...pending]);
    },
  };
}

const isTrigger = ({ id, trigger }: Kill, line: TraceLine): boolean =>
  'point' in trigger
    ? line.what === 'reached' && line.fault === id
    : line.what === 'claim' && !line.released && line.key === trigger.key;

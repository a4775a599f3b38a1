// The process group of a user's program: how it is told to stop, and that it ends with its worker.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../../activities/command/program.js';
import { isAlive } from '../engine/fixture.js';

const guard = resolve(import.meta.dirname, '../../../activities/command/guard.cjs');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-program-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A shell line whose process writes its id into `pid` first. */
const program = (line: string, graceMs = 300) => {
  let output = '';
  return {
    argv: ['/bin/sh', '-c', `echo $$ > pid.tmp; mv pid.tmp pid; ${line}`],
    cwd: folder,
    env: { PATH: process.env.PATH ?? '' },
    graceMs,
    onOutput: (chunk: Buffer) => void (output += chunk.toString()),
    output: () => output,
  };
};

async function pidIn(name: string): Promise<number> {
  for (let i = 0; i < 200 && !existsSync(join(folder, name)); i++) await sleep(25);
  return Number(readFileSync(join(folder, name), 'utf8'));
}

const gone = async (pid: number): Promise<boolean> => {
  for (let i = 0; i < 120 && (await isAlive(pid)); i++) await sleep(25);
  return !(await isAlive(pid));
};

describe('a program', () => {
  it('ends as it says, with all that it wrote, and leaves nobody behind', async () => {
    const one = program('sleep 60 & echo $! > child; echo out; echo err >&2; exit 7');
    expect(await runProgram(one, new AbortController().signal)).toEqual({
      ...{ code: 7, signal: null, error: null, stopped: false, memoryKills: 0 },
    });
    expect(one.output()).toBe('out\nerr\n');
    expect(await gone(await pidIn('child'))).toBe(true);
  });

  it('that does not mind SIGTERM is killed after the grace', async () => {
    const stop = new AbortController();
    const running = runProgram(program("trap '' TERM; while :; do sleep 0.05; done"), stop.signal);
    const pid = await pidIn('pid');
    stop.abort();
    expect(await running).toMatchObject({ signal: 'SIGKILL', stopped: true });
    expect(await gone(pid)).toBe(true);
  });

  it('that is told to stop before it has begun does not begin', async () => {
    const line = program('sleep 60');
    expect(await runProgram(line, AbortSignal.abort())).toMatchObject({ stopped: true });
  });

  it('that cannot be found is told from one that fails', async () => {
    const absent = { ...program(''), argv: ['nonesuch'] };
    expect(await runProgram(absent, new AbortController().signal)).toMatchObject({ code: null, error: 'ENOENT' });
  });

  it('ends when its worker is gone, also when it does not mind SIGTERM', async () => {
    for (const line of ['while :; do sleep 0.05; done', "trap '' TERM; while :; do sleep 0.05; done"]) {
      rmSync(join(folder, 'pid'), { force: true });
      // The worker's side: a process that holds the other end of stdin, killed without a word.
      const script = `const { spawn } = require('node:child_process'); spawn(process.execPath, ${JSON.stringify([guard, '300', folder, ...program(line).argv])}, { stdio: ['pipe', 'ignore', 'ignore', 'pipe'], detached: true }); setTimeout(() => {}, 60000);`;
      const worker = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
      const pid = await pidIn('pid');
      expect(await isAlive(pid)).toBe(true);
      worker.kill('SIGKILL');
      expect(await gone(pid)).toBe(true);
    }
  });

  it('ends when its guard is killed', async () => {
    const running = runProgram(program('while :; do sleep 0.05; done'), new AbortController().signal);
    const pid = await pidIn('pid');
    const parent = /^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    process.kill(Number(parent), 'SIGKILL');
    expect(await running).toMatchObject({ code: null, signal: 'SIGKILL', stopped: false });
    expect(await gone(pid)).toBe(true);
  });
});

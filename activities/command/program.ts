// A user's program, run to its end in a process group of its own (guard.cjs leads it).
// I1: when runProgram settles, no process of the group is left. I2: the group ends when this worker does, however it ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { watchMemoryKills } from '../engine/memory-kills.js';

export interface Program {
  /** The program and its arguments; no shell reads them. */
  argv: readonly string[];
  cwd: string;
  /** The whole environment. */
  env: Record<string, string>;
  /** From SIGTERM to SIGKILL, in milliseconds. */
  graceMs: number;
  /** What it writes to stdout and stderr, as it comes. */
  onOutput: (chunk: Buffer) => void;
  /** Told how to end the whole group at once, as the death of its worker and a full memory do. */
  onStart?: (kill: () => void) => void;
}

export interface ProgramEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** Why it could not be started at all, e.g. ENOENT. */
  error: string | null;
  /** Whether it was told to stop. */
  stopped: boolean;
  /** As in ProcessEnd. */
  memoryKills: number;
}

/** How long the last output may take after the end: a process that left the group can hold the pipes open for ever. */
const drainMs = 1_000;
/** What a program has to itself when its worker is gone, and with it whatever it would still store. */
const orphanGraceMs = 2_000;

/** Runs a program; resolves with how it ended. An abort sends SIGTERM to the group, and SIGKILL after the grace. Never rejects. */
export async function runProgram(program: Program, signal: AbortSignal): Promise<ProgramEnd> {
  const guard = spawn(
    process.execPath,
    [join(import.meta.dirname, 'guard.cjs'), String(orphanGraceMs), program.cwd, ...program.argv],
    { stdio: ['pipe', 'pipe', 'pipe', 'pipe'], detached: true, env: program.env },
  );
  const kills = watchMemoryKills(guard.pid ?? 0);
  const [lifeline, stdout, stderr, status] = guard.stdio as unknown as [Writable, Readable, Readable, Readable];
  lifeline.on('error', () => undefined);
  for (const output of [stdout, stderr]) output.on('data', program.onOutput);
  program.onStart?.(() => signalGroup(guard, 'SIGKILL'));
  let report = '';
  status.setEncoding('utf8').on('data', (text: string) => (report += text));

  let impatience: NodeJS.Timeout | undefined;
  const stop = (): void => {
    signalGroup(guard, 'SIGTERM');
    impatience = setTimeout(() => signalGroup(guard, 'SIGKILL'), program.graceMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const exit = await ended(guard);
  signalGroup(guard, 'SIGKILL'); // where the guard itself was killed, the program is still there
  clearTimeout(impatience);
  signal.removeEventListener('abort', stop);
  return { ...endOf(report, exit), stopped: signal.aborted, memoryKills: kills.since() };
}

interface Exit {
  signal: NodeJS.Signals | null;
  error: string | null;
}

/** Resolves when the process has ended and its last output has arrived. */
function ended(guard: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    guard.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ signal: null, error: error.code ?? error.message }),
    );
    guard.once('exit', (_code, signal) => {
      const timer = setTimeout(() => resolve({ signal, error: null }), drainMs);
      guard.once('close', () => {
        clearTimeout(timer);
        resolve({ signal, error: null });
      });
    });
  });
}

/** What the guard said, or, when it was ended before it could say anything, its own end. */
function endOf(report: string, exit: Exit): Omit<ProgramEnd, 'stopped' | 'memoryKills'> {
  const nothing = { code: null, signal: exit.signal, error: exit.error };
  if (report === '') return nothing;
  return { ...nothing, signal: null, ...(JSON.parse(report) as Partial<ProgramEnd>) };
}

function signalGroup(guard: ChildProcess, signal: NodeJS.Signals): void {
  if (guard.pid === undefined) return;
  try {
    process.kill(-guard.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

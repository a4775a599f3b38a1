// One trainer process: started in a process group of its own, spoken to in lines, ended for certain.
// Owns: the child and its log. Does not own: jobs, the slot, restarts (engine.ts).
// I1: after stop() resolves no process of the group runs. I2: onEnd is called exactly once, after the last line.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Event, Ready } from '../../schemas/generated/event.js';
import type { Job } from '../../schemas/generated/job.js';
import { StepFailure } from '../kind.js';
import { failureOfExit, type ProcessEnd } from './exit-failure.js';
import { watchMemoryKills } from './memory-kills.js';
import { decodeEvent, encodeJob, lineSplitter, protocolVersion } from './protocol.js';
import { openStderrLog, type StderrLog } from './stderr-tail.js';
import { trainerEnvironment } from './trainer-environment.js';

export interface TrainerProgram {
  /** The Python program, or any other that speaks the protocol. */
  command: string;
  args: string[];
  /** Put before Python's module path. */
  pythonPath: string;
  logFile: string;
  threads: number;
  /** How many processes share its jobs, each with an accelerator of its own; absent = one. */
  processes?: number;
  cacheBytes: number;
  /** From the start to `ready`, in milliseconds. */
  startTimeoutMs: number;
  /** From SIGTERM to SIGKILL, in milliseconds. */
  killGraceMs: number;
}

export interface TrainerProcess {
  readonly pid: number;
  readonly ready: Ready;
  /** The listener for events; a line that is no event comes as its problem. */
  onLine: (line: { event: Event } | { problem: string; line: string }) => void;
  /** Called once when the process has ended. */
  onEnd: (failureWhile: (doing: string) => StepFailure) => void;
  /** What it writes to stderr, as it comes. */
  onStderr: (chunk: Buffer) => void;
  send(job: Job): void;
  /** SIGTERM, then SIGKILL after the grace, to the whole group; resolves when it is gone. Safe to call again. */
  stop(): Promise<void>;
}

/** Starts the program and shakes hands; fails with trainer_crash, or config when it cannot be started at all. */
export async function startTrainer(
  program: TrainerProgram,
  signal?: AbortSignal,
  onStderr: TrainerProcess['onStderr'] = () => undefined,
): Promise<TrainerProcess> {
  const child = launch(program);
  const log = openStderrLog(program.logFile);
  child.stderr.on('data', (chunk: Buffer) => {
    log.write(chunk);
    if (trainer) trainer.onStderr(chunk);
    else onStderr(chunk);
  });
  child.stdin.on('error', () => undefined); // EPIPE: the end of the process tells more
  // Looked for again once it is ready: it may have gone into a control group of its own.
  let kills = watchMemoryKills(child.pid ?? 0);
  const ended = endOf(child, program, { log, memoryKills: () => kills.since() });
  const stop = stopper(child, ended.promise, program.killGraceMs);
  const { pid = 0 } = child;
  let trainer: TrainerProcess | null = null;
  const ready = new Promise<Ready>((resolve, reject) => {
    child.stdout.on(
      'data',
      lineSplitter((line) => {
        const decoded = decodeEvent(line);
        if (trainer) trainer.onLine('event' in decoded ? decoded : { ...decoded, line });
        else if ('event' in decoded && decoded.event.type === 'ready') resolve(decoded.event);
        else if ('problem' in decoded) reject(foreignLine(line, decoded.problem, program));
        else if (decoded.event.type === 'failed') reject(new StepFailure(decoded.event.class, decoded.event.message));
      }),
    );
    void ended.promise.then((end) => reject(end('starting')));
  });
  const { threads, cacheBytes, processes = 1 } = program;
  const several = processes > 1 ? { processes } : {};
  child.stdin.write(encodeJob({ type: 'hello', protocol: protocolVersion, threads, cacheBytes, ...several }));
  try {
    const answer = await within(ready, program, log, signal);
    kills = watchMemoryKills(pid);
    trainer = {
      pid,
      ready: answer,
      onLine: () => undefined,
      onEnd: () => undefined,
      onStderr,
      send: (job) => void child.stdin.write(encodeJob(job)),
      stop,
    };
    void ended.promise.then((end) => trainer?.onEnd(end));
    return trainer;
  } catch (error) {
    await stop();
    throw error;
  }
}

function launch(program: TrainerProgram): ChildProcessByStdio<Writable, Readable, Readable> {
  return spawn(program.command, program.args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: a Ctrl-C in the worker's terminal reaches the worker alone, which then ends the group in order.
    detached: true,
    // Handed on whole, not read: the trainer finds its libraries and accelerators by it.
    env: {
      ...trainerEnvironment(process.env),
      ...process.env,
      PYTHONPATH: program.pythonPath,
      PYTHONUNBUFFERED: '1',
      TOKENIZERS_PARALLELISM: 'false',
    },
  });
}

function endOf(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  program: TrainerProgram,
  { log, memoryKills }: { log: StderrLog; memoryKills: () => number },
): { promise: Promise<(doing: string) => StepFailure> } {
  const promise = new Promise<(doing: string) => StepFailure>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      log.close();
      const message = `The trainer cannot be started: ${program.command}: ${error.message}. Run \`npm run setup\`, or set PAWL_PYTHON to a Python that has trainer/requirements.txt.`;
      resolve(() => new StepFailure('config', message, { command: program.command }));
    });
    child.once('exit', (code, signal) => {
      signalGroup(child, 'SIGKILL'); // what the program leaves behind in its group
      const finish = (): void => {
        const end: ProcessEnd = { code, signal, memoryKills: memoryKills() };
        const stderr = log.tail();
        log.close();
        resolve((doing) => failureOfExit(end, { doing, stderr, log: program.logFile }));
      };
      // The last lines are still on their way; a process that left the group may hold the pipes open for longer.
      const timer = setTimeout(finish, 1_000);
      child.once('close', () => {
        clearTimeout(timer);
        finish();
      });
    });
  });
  return { promise };
}

function stopper(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  ended: Promise<unknown>,
  killGraceMs: number,
): () => Promise<void> {
  let stopping: Promise<void> | null = null;
  return () => {
    stopping ??= (async () => {
      signalGroup(child, 'SIGTERM');
      const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), killGraceMs);
      await ended;
      clearTimeout(timer);
    })();
    return stopping;
  };
}

function signalGroup(child: { pid?: number | undefined }, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function within(
  ready: Promise<Ready>,
  program: TrainerProgram,
  log: StderrLog,
  signal?: AbortSignal,
): Promise<Ready> {
  let timer: NodeJS.Timeout | undefined;
  let abort: (() => void) | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const tail = log.tail();
      const message = `The trainer did not get ready within ${program.startTimeoutMs / 1000} s (${[program.command, ...program.args].join(' ')}).`;
      reject(
        new StepFailure(
          'trainer_crash',
          tail === '' ? message : `${message}\nIts last lines (${program.logFile}):\n${tail}`,
          {
            log: program.logFile,
            stderr: tail,
          },
        ),
      );
    }, program.startTimeoutMs);
    abort = () => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
  });
  try {
    const answer = await Promise.race([ready, late]);
    return answer;
  } finally {
    clearTimeout(timer);
    if (abort) signal?.removeEventListener('abort', abort);
  }
}

/** The failure for a line on the protocol stream that is no event. Pure. */
export function foreignLine(line: string, problem: string, program: { logFile: string }): StepFailure {
  const shown = line.length > 200 ? `${line.slice(0, 200)}…` : line;
  return new StepFailure(
    'trainer_crash',
    `The trainer wrote a line to the protocol stream that Pawl does not understand: ${problem}: ${JSON.stringify(shown)}`,
    { log: program.logFile },
  );
}

// One attempt at the work of a trainer that is tried out: it runs under the contract of docs/command.md, and is stopped where
// somebody says so. Its checkpoints are taken away as soon as it names them, as a worker does.
import { existsSync, watch } from 'node:fs';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { decodeCommandEvent, type CommandEvent } from '../../activities/command/decode-event.js';
import { followEvents } from '../../activities/command/event-file.js';
import { runProgram, type ProgramEnd } from '../../activities/command/program.js';
import { variablesFor } from '../../activities/command/variables.js';
import { openWorkplace, type CommandInputs } from '../../activities/command/workplace.js';
import { digestsOf, type Digests } from './digests.js';

/** What is tried out, and what it is given. */
export interface Trainer {
  argv: string[];
  inputs: CommandInputs['inputs'];
  /** A file or folder that becomes the working directory; null = an empty one. */
  code: CommandInputs['code'];
  codeFile: string | null;
  outputs: string[];
  seed: number;
  everySteps: number | null;
  /** Names of variables that it gets. */
  env: string[];
  /** Where `python` is. */
  binFolder: string | null;
  /** Of one attempt. */
  timeoutMs: number;
  graceMs: number;
  /** A folder for all that is tried; `home` in it is the home of the trainer. */
  root: string;
}

export interface Saved {
  step: number;
  path: string;
  /** What it held when it was named. */
  digests: Digests;
  /** How many events came before. */
  position: number;
}

/** Where an attempt is stopped: asked at each event, and when something appears below the folder of checkpoints. */
export interface Stop {
  how: 'kill' | 'terminate';
  when: (seen: { events: readonly CommandEvent[]; isWriting: boolean }) => boolean;
}

export interface Attempted {
  end: ProgramEnd;
  events: CommandEvent[];
  saved: Saved[];
  outputs: Digests;
  /** Lines that are no events, and checkpoints that are no folders. */
  problems: string[];
  /** Whether it was stopped where that was asked for. */
  isStopped: boolean;
  isLate: boolean;
  /** From the stop to the end. */
  stoppedForMs: number;
  /** The end of what it wrote. */
  tail: string;
}

const lookEveryMs = 2;

/** Runs one attempt in a folder of its own, from a checkpoint or from the beginning. */
export async function attempt(
  trainer: Trainer,
  { number, resume, stop }: { number: number; resume: Saved | null; stop: Stop | null },
): Promise<Attempted> {
  const workDir = join(trainer.root, `attempt-${number}`);
  await mkdir(workDir, { recursive: true });
  const home = join(trainer.root, 'home');
  await mkdir(home, { recursive: true });
  const place = await openWorkplace(
    {
      ...{ workDir, attempt: number, seed: trainer.seed },
      resume: resume === null ? null : { path: resume.path, step: resume.step },
      checkpoint: { everySteps: trainer.everySteps, everyMs: null },
      outputDir: async (name) => {
        const folder = join(workDir, 'outputs', name);
        await mkdir(folder, { recursive: true });
        return folder;
      },
    },
    { inputs: trainer.inputs, code: trainer.code, file: trainer.codeFile },
    { path: 'conform', outputs: trainer.outputs, checkpoints: true },
  );
  const programs = { variables: process.env, binFolder: trainer.binFolder, logFolder: workDir };
  const { env } = variablesFor('the trainer', trainer.env, programs);
  const seen = watcher(place.checkpoints ?? workDir, join(workDir, 'taken'), stop);
  await mkdir(join(workDir, 'taken'));
  const events = await followEvents(place.events, lookEveryMs, seen.line);
  let tail = '';
  const timer = setTimeout(seen.late, trainer.timeoutMs);
  const end = await runProgram(
    {
      ...{ argv: trainer.argv, cwd: place.code, graceMs: trainer.graceMs, onStart: seen.started },
      env: { ...env, ...place.env, HOME: home },
      onOutput: (chunk) => (tail = (tail + chunk.toString('utf8')).slice(-1500)),
    },
    seen.terminate.signal,
  );
  clearTimeout(timer);
  await events.end();
  const result = await seen.result();
  return { end, ...result, outputs: await digestsOf(place.outputs), tail };
}

/** Follows one attempt: collects its events, takes its checkpoints, and stops it. */
function watcher(checkpoints: string, taken: string, stop: Stop | null) {
  const terminate = new AbortController();
  const found = { events: [] as CommandEvent[], saved: [] as Saved[], problems: [] as string[], isLate: false };
  let kill = (): void => undefined;
  let stoppedAt: number | null = null;
  let taking: Promise<void> = Promise.resolve();
  const stopIf = (isWriting: boolean): void => {
    if (stop === null || stoppedAt !== null || !stop.when({ events: found.events, isWriting })) return;
    stoppedAt = Date.now();
    if (stop.how === 'kill') kill();
    else terminate.abort();
  };
  const look = watch(checkpoints, { persistent: false }, (_, name) => {
    const isThere = name !== null && existsSync(join(checkpoints, name));
    if (isThere && !namesIn(found.events).has(name)) stopIf(true);
  });
  return {
    terminate,
    started: (end: () => void) => void (kill = end),
    late: (): void => {
      found.isLate = true;
      kill();
    },
    line: (text: string): void => {
      const decoded = decodeCommandEvent(text, 'conform');
      if ('problem' in decoded) {
        found.problems.push(`a line of the events is none: ${decoded.problem}: ${text.slice(0, 120)}`);
        return;
      }
      const { event } = decoded;
      const position = found.events.push(event) - 1;
      stopIf(false);
      if (event.type === 'checkpoint')
        taking = taking.then(() =>
          take(found, { step: event.step, name: event.path, position }, { checkpoints, taken }),
        );
    },
    result: async () => {
      look.close();
      await taking;
      const stoppedForMs = stoppedAt === null ? 0 : Date.now() - stoppedAt;
      return { ...found, isStopped: stoppedAt !== null, stoppedForMs };
    },
  };
}

const namesIn = (events: readonly CommandEvent[]): Set<string> =>
  new Set(events.flatMap((event) => (event.type === 'checkpoint' ? [event.path] : [])));

async function take(
  found: { saved: Saved[]; problems: string[] },
  { step, name, position }: { step: number; name: string; position: number },
  folders: { checkpoints: string; taken: string },
): Promise<void> {
  const from = resolve(folders.checkpoints, name);
  const below = relative(folders.checkpoints, from);
  const isFolder = (await stat(from).catch(() => null))?.isDirectory() === true;
  if (below === '' || below.startsWith('..') || !isFolder) {
    found.problems.push(`the checkpoint of step ${step} names \`${name}\`, which is no folder below $PAWL_CHECKPOINTS`);
    return;
  }
  const path = join(folders.taken, String(position));
  await rename(from, path);
  if ((await readdir(path)).length === 0) found.problems.push(`the checkpoint of step ${step} is empty`);
  found.saved.push({ step, path, digests: await digestsOf(path), position });
}

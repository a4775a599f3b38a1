// What a kind may touch while it runs: one attempt's folder, journal, checkpoints, pulse and engine, as a KindContext.
import { mkdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { Context } from '@temporalio/activity';
import type { AttemptLog } from './attempt-log.js';
import type { StepCall } from './calls.js';
import type { CheckpointKeeper } from './checkpoint-keeper.js';
import { outputFolder } from './commit-step.js';
import type { EngineJob, JobEvent } from './engine/engine.js';
import type { Programs, Slot } from './host.js';
import type { AttemptJournal } from './journal.js';
import type { EngineDone, EngineRun, KindContext, KindInput } from './kind.js';
import { StepFailure } from './kind.js';
import type { Pulse } from './pulse.js';

export interface AttemptParts {
  call: StepCall;
  inputs: Record<string, KindInput>;
  /** What the shards of the step made; null where it runs as one. */
  shards: Record<string, KindInput>[] | null;
  attempt: string;
  /** Number of the attempt, from 1. */
  number: number;
  folder: string;
  resume: { path: string; step: number } | null;
  journal: AttemptJournal;
  checkpoints: CheckpointKeeper;
  pulse: Pulse;
  /** What is kept of what the attempt says. */
  attemptLog: AttemptLog;
  slot: Slot | null;
  programs: Programs;
  /** Aborted when the step has to stop, for whatever reason. */
  signal: AbortSignal;
  /** What a person should know of the result; grows. */
  warnings: string[];
  /** Stops the step with this failure: something beside the kind went wrong. */
  stopWith: (failure: unknown) => void;
}

/** The context of one attempt. */
export function kindContext(parts: AttemptParts): KindContext {
  const { call, pulse, journal } = parts;
  // Taken now: what a trainer says comes in no activity's own course, for the process may have been started by another one, or ahead.
  const { log } = Context.current();
  const context: KindContext = {
    inputs: parts.inputs,
    shards: parts.shards,
    seed: call.seed,
    attempt: parts.number,
    workDir: parts.folder,
    resume: parts.resume,
    checkpoint: { everySteps: call.checkpoint.everySteps, everyMs: call.checkpoint.everyMs },
    signal: parts.signal,
    async outputDir(name) {
      const folder = outputFolder(parts.folder, name);
      const made = await mkdir(folder, { recursive: true });
      if (made !== undefined) return folder;
      await rm(folder, { recursive: true, force: true }); // asked for again: begun anew
      await mkdir(folder);
      return folder;
    },
    saveCheckpoint: (dir, step) => save(parts, dir, step),
    metric(step, values) {
      journal.add(step, values);
      Object.assign(pulse.details.metrics, values);
    },
    progress(step, total, text) {
      Object.assign(pulse.details, { step, total, text });
    },
    output: (chunk) => parts.attemptLog.write(chunk),
    log(level, message) {
      parts.attemptLog.note(level === 'info' ? message : `warning: ${message}`);
      if (level === 'info') log.info(message, { path: call.path });
      else log.warn(message, { path: call.path });
    },
    warn(message) {
      context.log('warning', message);
      parts.warnings.push(message);
    },
    ...commandOf(parts),
    engine: engineOf(parts, (taken) => take(context, taken)),
  };
  return context;
}

async function save({ checkpoints, attemptLog }: AttemptParts, folder: string, step: number): Promise<void> {
  await checkpoints.save(folder, step);
  attemptLog.note(`checkpoint of step ${step}`);
}

/** Only a step that declares itself is a command. */
function commandOf({ call, attempt, programs, slot }: AttemptParts): Pick<KindContext, 'command'> {
  if (call.declaration === undefined) return {};
  const freeSlot = async (): Promise<void> => slot?.engine.stop();
  return { command: { path: call.path, attempt, declaration: call.declaration, programs, freeSlot } };
}

function engineOf(parts: AttemptParts, onEvent: (taken: Taken) => void): KindContext['engine'] {
  let count = 0;
  return async (run: EngineRun): Promise<EngineDone> => {
    if (parts.slot === null) {
      throw new StepFailure(
        'internal',
        `Internal error: ${parts.call.uses} asked for the trainer, but is declared to run without.`,
      );
    }
    parts.signal.throwIfAborted();
    const workDir = run.workDir ?? parts.folder;
    const job = {
      id: `${parts.attempt}-${count++}`,
      op: run.op,
      inputs: run.inputs,
      seed: run.seed ?? null,
      workDir,
      ...cadenceOf(run, parts),
    };
    const saves = new Set<Promise<void>>();
    const keep: Keep = (folder, step) => {
      const part = typeof run.checkpoints === 'object' ? run.checkpoints : null;
      const saving = part === null ? save(parts, folder, step) : part.keep(folder, step);
      saving.catch(parts.stopWith);
      saves.add(saving);
    };
    try {
      return await parts.slot.engine.run(
        job,
        (event) => onEvent({ event, workDir, keep }),
        parts.signal,
        (chunk) => parts.attemptLog.write(chunk),
      );
    } finally {
      // Whether it ended well or not: what it wrote last must be safe before the step goes on or fails.
      await Promise.allSettled(saves);
    }
  };
}

/** How often the trainer writes checkpoints, and where it goes on. Pure. */
function cadenceOf(
  { checkpoints = true }: EngineRun,
  { call, resume }: AttemptParts,
): Pick<EngineJob, 'checkpoint' | 'resume'> {
  if (checkpoints === false) return { checkpoint: { everySteps: null, everyMs: null }, resume: null };
  const { everySteps, everyMs } = call.checkpoint;
  if (checkpoints === true) return { checkpoint: { everySteps, everyMs }, resume };
  return { checkpoint: { everySteps, everyMs, sinceMs: checkpoints.sinceMs }, resume: checkpoints.resume };
}

type Keep = (folder: string, step: number) => void;

interface Taken {
  event: JobEvent;
  workDir: string;
  keep: Keep;
}

function take(context: KindContext, { event, workDir, keep }: Taken): void {
  switch (event.type) {
    case 'progress':
      context.progress(event.step, event.total, event.text);
      break;
    case 'metrics':
      context.metric(event.step, event.values);
      break;
    case 'checkpoint':
      keep(isAbsolute(event.path) ? event.path : join(workDir, event.path), event.step);
      break;
    case 'diverged':
    case 'warning':
      context.warn(event.message);
      break;
    case 'log':
      if (event.level !== 'debug') context.log(event.level === 'info' ? 'info' : 'warning', event.message);
      break;
  }
}

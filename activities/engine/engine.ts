// The engine of a slot: one resident trainer process, started at the first job, kept warm between jobs, started again
// after it was lost. Owns: the process and the order of jobs. Does not own: the slot (slot.ts), folders, checkpoints.
// I1: at most one job is in the process. I2: a job ends exactly once: done, failed, or with the process.
// I3: a process whose state is unknown (foreign line, ignored cancel) gets no further job.
import type {
  CheckpointWritten,
  Diverged,
  Event,
  Log,
  Metrics,
  Progress,
  Warning,
} from '../../schemas/generated/event.js';
import type { Run } from '../../schemas/generated/job.js';
import type { EngineDone } from '../kind.js';
import { StepFailure } from '../kind.js';
import { createMutex } from './mutex.js';
import { foreignLine, startTrainer, type TrainerProcess, type TrainerProgram } from './trainer-process.js';

export interface EngineOptions extends TrainerProgram {
  /** From `cancel` to SIGTERM, in milliseconds: time to finish a step and to write a checkpoint. */
  cancelGraceMs: number;
  /** Told each time that a process is ready. */
  onStart?: () => void;
}

export type EngineJob = Omit<Run, 'type'>;
export type JobEvent = Progress | Metrics | CheckpointWritten | Diverged | Warning | Log;

export interface Engine {
  /**
   * Runs one job; resolves with what it reports at the end. Fails with StepFailure of the class that the trainer names, or
   * trainer_crash and its like when the process is lost. An abort asks for a checkpoint and then fails; the process stays.
   */
  run(
    job: EngineJob,
    onEvent: (event: JobEvent) => void,
    signal: AbortSignal,
    /** Told what the process writes to stderr while it starts for the job and while it runs it. */
    onStderr?: (chunk: Buffer) => void,
  ): Promise<EngineDone>;
  /** Starts the process for a job that is expected, once; resolves when it is ready or could not be started, which that job will tell. */
  warm(): Promise<void>;
  /** What the running process said about itself; null before the first job. */
  provenance(): Record<string, string> | null;
  /** Process id of the resident process, null while there is none. */
  pid(): number | null;
  /** Ends the process; a later run starts another. */
  stop(): Promise<void>;
}

/** Makes an engine; starts nothing yet. */
export function createEngine(options: EngineOptions): Engine {
  const mutex = createMutex();
  let trainer: TrainerProcess | null = null;
  let provenance: Record<string, string> | null = null;
  let warming: Promise<void> | null = null;
  const stopping = new AbortController();

  const started = async (signal: AbortSignal, onStderr: TrainerProcess['onStderr']): Promise<TrainerProcess> => {
    if (trainer) return Object.assign(trainer, { onStderr });
    const process = await startTrainer(options, signal, onStderr);
    process.onEnd = () => {
      if (trainer === process) trainer = null;
    };
    options.onStart?.();
    provenance = process.ready.provenance;
    trainer = process;
    return process;
  };

  const startAhead = async (): Promise<void> => {
    const release = await mutex.acquire();
    try {
      await started(stopping.signal, () => undefined);
    } catch {
      // The job that was expected meets the same, and says so.
    } finally {
      release();
    }
  };

  return {
    provenance: () => provenance,
    pid: () => trainer?.pid ?? null,
    warm: () => (warming ??= startAhead()),
    async stop() {
      stopping.abort();
      await warming;
      await trainer?.stop();
      trainer = null;
    },
    async run(job, onEvent, signal, onStderr = () => undefined) {
      const release = await mutex.acquire(signal);
      try {
        const process = await started(signal, onStderr);
        signal.throwIfAborted();
        const { result, usable } = await runJob(process, job, onEvent, signal, options);
        if (!usable) {
          trainer = null;
          await process.stop();
        } else {
          process.onEnd = () => {
            if (trainer === process) trainer = null;
          };
          process.onStderr = () => undefined;
        }
        if (result instanceof Error) throw result;
        return result;
      } finally {
        release();
      }
    },
  };
}

interface JobEnd {
  result: EngineDone | Error;
  /** Whether the process may take another job. */
  usable: boolean;
}

/** Sends the job and follows it to its end; never rejects. */
function runJob(
  trainer: TrainerProcess,
  job: EngineJob,
  onEvent: (event: JobEvent) => void,
  signal: AbortSignal,
  options: EngineOptions,
): Promise<JobEnd> {
  return new Promise<JobEnd>((resolve) => {
    let impatience: NodeJS.Timeout | undefined;
    const cancel = (): void => {
      trainer.send({ type: 'cancel', id: job.id, checkpoint: true });
      impatience = setTimeout(() => {
        const seconds = options.cancelGraceMs / 1000;
        const message = `The trainer did not stop within ${seconds} s of being asked to, and was ended.`;
        finish({ result: new StepFailure('preempted', message, { checkpoint: false }), usable: false });
      }, options.cancelGraceMs);
    };
    const finish = (end: JobEnd): void => {
      clearTimeout(impatience);
      signal.removeEventListener('abort', cancel);
      trainer.onLine = () => undefined;
      trainer.onEnd = () => undefined;
      resolve(end);
    };
    trainer.onEnd = (failureWhile) => finish({ result: failureWhile(`running \`${job.op}\``), usable: false });
    trainer.onLine = (line) => {
      if ('problem' in line) {
        finish({ result: foreignLine(line.line, line.problem, options), usable: false });
        return;
      }
      const end = endOfJob(line.event, job.id);
      if (end) finish(end);
      else if (isJobEvent(line.event, job.id)) onEvent(line.event);
    };
    trainer.send({ type: 'run', ...job });
    signal.addEventListener('abort', cancel, { once: true });
  });
}

function endOfJob(event: Event, id: string): JobEnd | null {
  if (event.type === 'done' && event.id === id) {
    return { result: { metrics: event.metrics, seconds: event.seconds, figures: event.figures }, usable: true };
  }
  if (event.type !== 'failed' || event.id !== id) return null;
  const details = event.traceback === null ? event.details : { ...event.details, traceback: event.traceback };
  // After these the process's memory or device is not to be trusted, and it ends by itself; a fresh one costs seconds.
  const isFatal = ['oom', 'gpu_fault', 'comm', 'trainer_crash', 'internal', 'worker_outdated'].includes(event.class);
  const usable = !isFatal && event.details['ends'] !== true;
  return { result: new StepFailure(event.class, event.message, details), usable };
}

/** Events of an earlier, cancelled job are dropped; a log line without a job belongs to the running one. Pure. */
const isJobEvent = (event: Event, id: string): event is JobEvent =>
  (event.type === 'log' && (event.id === null || event.id === id)) ||
  (event.type !== 'log' && event.type !== 'ready' && event.id === id);

// How a step kind is implemented: one function, given everything it may touch.
import type { ArtifactType, FailureClass, PlanKind } from '../schemas/generated/plan.js';
import type { Programs } from './host.js';

/** An artifact input, readable in a local folder (read-only; do not write there). */
export interface LocalArtifact {
  /** Folder with the artifact's files. */
  path: string;
  /** key/output: how it was made. The trainer's cache is keyed by it. */
  identity: string;
  type: ArtifactType;
}

/** A `file` or `folder` input, readable at a local path. */
export interface LocalFile {
  path: string;
  digest: string;
}

export type KindInput =
  string | number | boolean | null | LocalArtifact | LocalFile | KindInput[] | { [name: string]: KindInput };

/** One operation in the trainer process of this slot; see schemas/job.schema.json. */
export interface EngineRun {
  op: string;
  /** Artifacts as LocalArtifact; scalars and JSON as they are. */
  inputs: Record<string, unknown>;
  seed?: number | null;
  /** Whether the operation's checkpoints are the step's (default), are part of one, or it runs without. */
  checkpoints?: boolean | PartCheckpoints;
  /** Folder for its files; default the attempt's work folder. */
  workDir?: string;
}

/** The checkpoints of an operation that is one part of its step (parts.ts). */
export interface PartCheckpoints {
  /** Where the operation goes on. */
  resume: { path: string; step: number } | null;
  /** Milliseconds since the step's last checkpoint. */
  sinceMs: number;
  /** Takes over a checkpoint of the operation; resolves when the step's is durable. */
  keep(folder: string, step: number): Promise<void>;
}

export interface EngineDone {
  metrics: Record<string, number | null>;
  seconds: number;
  figures: Record<string, number>;
}

/** What a command needs beside its inputs. */
export interface CommandFacts {
  /** Path of the step, and the name of this attempt. */
  path: string;
  attempt: string;
  declaration: PlanKind;
  programs: Programs;
  /** Ends the resident trainer of the slot, so that the accelerator is the program's alone; a later job starts it again. */
  freeSlot(): Promise<void>;
}

export interface KindContext {
  inputs: Record<string, KindInput>;
  /** Outputs of the step's shards by name, in their order, to be put together; null where it runs as one. */
  shards: readonly Record<string, KindInput>[] | null;
  seed: number | null;
  /** Number of this attempt at the step, from 1. */
  attempt: number;
  /** The attempt's own folder; removed after the commit. */
  workDir: string;
  /** The folder of an output, made empty. Everything in it is the artifact. */
  outputDir(name: string): Promise<string>;
  /** The newest valid checkpoint of any attempt, readable in a local folder. */
  resume: { path: string; step: number } | null;
  /** Keeps a checkpoint folder as the state after `step`; resolves when it is durable. */
  saveCheckpoint(dir: string, step: number): Promise<void>;
  checkpoint: { everySteps: number | null; everyMs: number | null };
  /** Runs an operation in the trainer; fails with the class that the trainer names. Only for kinds with runs: trainer. */
  engine(run: EngineRun): Promise<EngineDone>;
  /** A point of the journal, shown live and sent to MLflow once it is safe. */
  metric(step: number, values: Record<string, number | null>): void;
  /** Shown live, in the heartbeat. */
  progress(step: number, total: number | null, text: string): void;
  log(level: 'info' | 'warning', message: string): void;
  /** What a person should know of the result: kept with it, and told with the run. */
  warn(message: string): void;
  /** What a program writes, secrets already masked: kept with the attempt, line by line. */
  output(chunk: Buffer): void;
  /** Aborted when the step is cancelled, paused with --now, or its worker shuts down. */
  signal: AbortSignal;
  /** Only for `uses: command`. */
  command?: CommandFacts;
}

/** Returns the metrics of the step; outputs are what it left in its output folders. Throws StepFailure only. */
export type KindImplementation = (context: KindContext) => Promise<Record<string, number | null>>;

/** The one error a kind throws: a class of schemas/failure-classes.json and facts for the person who reads it. */
export class StepFailure extends Error {
  readonly failureClass: FailureClass;
  readonly details: Record<string, unknown>;
  constructor(failureClass: FailureClass, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = 'StepFailure';
    this.failureClass = failureClass;
    this.details = details;
  }
}

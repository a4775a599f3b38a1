// A rule: one thing that can be wrong with a pipeline. Returns all it finds; never throws, never stops at the first.
import type { Analysis } from '../analysis.js';
import type { Diagnostic } from '../diagnostics.js';

export type Rule = (analysis: Analysis, files: FileLookup, queues: readonly Queue[] | null) => Diagnostic[];

/** What the trainers of one queue offer. */
export interface Queue {
  queue: string;
  gpus: number;
  labels: readonly string[];
}

/** What a file is for: of a folder with `code`, caches and hidden files are left out. */
export type FileUse = 'data' | 'code';

export interface FoundFile {
  digest: string;
  bytes: number;
  folder: boolean;
  /** Whether a link leads out of the folder of the pipeline file. */
  outside?: boolean;
  /** Why it cannot be stored, in words. */
  problem?: string;
}

/** A local file or folder by its path relative to the pipeline file; null where there is none. */
export type FileLookup = (path: string, use: FileUse) => FoundFile | null;

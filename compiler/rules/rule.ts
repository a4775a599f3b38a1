// A rule: one thing that can be wrong with a pipeline. Returns all it finds; never throws, never stops at the first.
import type { Analysis } from '../analysis.js';
import type { Diagnostic } from '../diagnostics.js';

export type Rule = (analysis: Analysis, files: FileLookup) => Diagnostic[];

/** A local file or folder by its path relative to the pipeline file; null where there is none. */
export type FileLookup = (path: string) => { digest: string; bytes: number; folder: boolean } | null;

// What planning says of a step. Types only.
import type { Node } from '../schemas/generated/plan.js';
import type { Difference } from './key-diff.js';
import type { Evaluated } from './known-values.js';

/**
 * RUN: nothing of it is there. CACHED: its result is. RESUME: it goes on from a checkpoint or click. PENDING: known only
 * once another step is done. SKIPPED: its `if` is false, or it reads or waits for what never comes. WAITING: another run
 * works at it. PRUNED, DAMAGED: its result stands without its artifacts, or with wrong ones, so it runs again.
 */
export type PlannedState = 'RUN' | 'CACHED' | 'RESUME' | 'PENDING' | 'SKIPPED' | 'WAITING' | 'PRUNED' | 'DAMAGED';

export interface PlannedStep {
  /** As in records and activity ids: `sft`, `rl[12].update`. */
  path: string;
  node: Node;
  state: PlannedState;
  reason: string;
  /** Key of the step or loop; null while it is not known, and for gates. */
  key: string | null;
  /** Step of the checkpoint that it would resume from. */
  checkpointStep: number | null;
  /** Index of the last committed iteration of a loop. */
  click: number | null;
  /** `max` of a loop; null while it is not known, and for others. */
  max: number | null;
  /** Of a PENDING step: the step whose end decides it, as its name in the same or an enclosing scope. */
  decidedBy: string | null;
  /** What differs from the nearest earlier result, and whose that is. */
  comparedWith: { run: string; path: string; endedAt: string } | null;
  changes: Difference[];
  /** The inputs of a step, each as far as it is known. */
  inputs: Record<string, Evaluated>;
  /** Of a loop that runs: the steps of its next iteration. */
  inner: PlannedStep[];
}

/** What one decision says; what it leaves out is null or empty. */
export type Decision = Pick<PlannedStep, 'state' | 'reason'> & Partial<PlannedStep>;

// What goes to and comes from the workflow of a loop. Small, whatever the number of iterations: it is its own
// continue-as-new input.
import type { Placement, RunInfo } from '../activities/calls.js';
import type { Ledger, LostTime } from '../schemas/lost-time.js';
import type { Lease } from './placement.js';
import type { Carries, OuterValues, StepValue } from './scope.js';
import type { Paused } from './state.js';
import type { MetricTree } from './status.js';

export interface LoopInput {
  kind: 'loop';
  run: RunInfo;
  placement: Placement;
  searchAttributes: boolean;
  /** As in RunInput.features. */
  freshSteps?: boolean;
  volatile?: boolean;
  shards?: boolean;
  /** Path of the loop, e.g. `rl` or `rl[3].inner`. */
  path: string;
  /** Indices of the enclosing loops, outermost first. */
  indices: number[];
  /** What the body and `until` read of the levels around. */
  outer: OuterValues;
  /** Evaluated inits; null = absent. */
  init: Carries;
  /** Iterations at most. */
  max: number;
  paused: Paused | null;
  /** Where to go on after continue-as-new; null = open the loop. */
  position: LoopPositionState | null;
  /** What the executions before have lost and saved; absent when nothing. */
  ledger?: Partial<Ledger>;
  /** What the executions before had to tell a person; absent when nothing. */
  warnings?: string[];
}

/** After the last click: everything the next iteration depends on. */
export interface LoopPositionState {
  loopKey: string;
  /** Index of the next iteration. */
  next: number;
  /** Index of the last click; -1 = none. */
  click: number;
  carry: Carries;
  /** Metrics of the last click, by step. */
  metrics: MetricTree;
  /** Whether `until` held at the last click. */
  ended: boolean;
  lease: Lease;
  /** Rewinds since the last click. */
  rewinds: number;
  /** When the first execution of this loop in this run began. */
  startedAt: number;
}

/** What the loop's workflow returns. */
export interface LoopOutput extends StepValue {
  /** Names the loop's clicks in the store. */
  loopKey: string;
  /** Iterations that stand. */
  iterations: number;
  /** Index of the iteration whose carries are the outputs. */
  chosen: number;
  seconds: number;
  /** As in the run record; absent when nothing. */
  lost?: LostTime;
  saved?: number;
  warnings?: string[];
}

/** Whether the input of a workflow is that of a loop. Pure. */
export const isLoopInput = (input: unknown): input is LoopInput =>
  typeof input === 'object' && input !== null && 'kind' in input && input.kind === 'loop';

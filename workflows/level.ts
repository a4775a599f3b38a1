// One level of a run: the root's steps or those of one iteration, with everything that running them needs.
import type { Placement, RunInfo, VolatileStep } from '../activities/calls.js';
import type { Node, Plan } from '../schemas/generated/plan.js';
import type { Ledger } from '../schemas/lost-time.js';
import type { Lease } from './placement.js';
import type { Port } from './port.js';
import type { Scope, StepValue } from './scope.js';
import type { Approval, Paused, RunState } from './state.js';
import type { FailureView, StepView } from './status.js';
import type { StopSource } from './stop.js';

/** What one execution of the interpreter works with. */
export interface Run {
  port: Port;
  plan: Plan;
  info: RunInfo;
  placement: Placement;
  searchAttributes: boolean;
  state: RunState;
  /** Requested when the run is cancelled, or a step with fail-fast failed. */
  stop: StopSource;
  /** Whether its cancellation was asked for from outside. */
  cancelled(): boolean;
  /** Whether no further step may start because the execution is to continue as new. */
  draining(): boolean;
  /** What earlier executions of the chain leave to this one. */
  carried: Carried;
  /** Keys that nobody had a result for until a step of this execution ran; null where every step is looked up. */
  fresh: Set<string> | null;
  /** Whether loops may leave results between clicks with the worker that made them. */
  volatile: boolean;
  /** Whether steps whose plan says so run as shards. */
  shards: boolean;
  /** Steps of this execution by how they came to their result; see `draining`. */
  counts: { ran: number; cached: number };
}

/** What the root leaves to its next execution, by path. Results need not be: they are committed. */
export interface Carried {
  startedAt: number;
  paused: Paused | null;
  approvals: Record<string, Approval>;
  /** Views of steps that ended well, whose times would else be lost. */
  done: Record<string, StepView>;
  /** Steps that failed for good: they do not run again. */
  failed: Record<string, { failures: FailureView[]; failFast: boolean }>;
  /** Absent when nothing was lost or saved. */
  ledger?: Partial<Ledger>;
  /** Absent when there are none. */
  warnings?: string[];
}

export interface Level {
  run: Run;
  nodes: Record<string, Node>;
  /** Path of the iteration; '' in the root. */
  prefix: string;
  /** Indices of the enclosing loops, outermost first. */
  indices: number[];
  scope: Scope;
  lease: Lease;
  /** Set where results stay with the worker until the next click. */
  volatile?: VolatileStep;
}

/** How a node ended. `left`: not run, because the execution continues as new. */
export type Outcome =
  | { status: 'done'; value: StepValue; key: string | null }
  | { status: 'skipped'; reason: string; outputs: StepValue['outputs'] | null }
  | { status: 'failed'; failures: FailureView[]; failFast: boolean }
  | { status: 'blocked'; by: string }
  | { status: 'cancelled' }
  | { status: 'left' };

export type Outcomes = Record<string, Outcome>;

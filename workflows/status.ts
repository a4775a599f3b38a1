// What the query `status` returns: the state of one workflow, as JSON. The root lists the workflows of its loops; the
// reader asks those in turn.
import type { FailureClass } from '../schemas/generated/plan.js';
import type { StepRecord } from '../schemas/generated/records.js';
import type { LostTime } from '../schemas/lost-time.js';

export type RunStateName = 'running' | 'paused' | 'done' | 'failed' | 'gate_failed' | 'cancelled';

/** `pending`: not ready yet. `waiting`: ready, and something else is awaited; `reason` says what. */
export type StepStateName = StepRecord['state'] | 'pending';

/** Numbers by name; those of a loop by step and name. */
export interface MetricTree {
  [name: string]: number | null | MetricTree;
}

export interface FailureView {
  path: string;
  class: FailureClass | 'gate';
  message: string;
  hint: string;
}

export interface StepView {
  path: string;
  /** Step kind, `loop` or `gate`. */
  kind: string;
  state: StepStateName;
  reason: string | null;
  key: string | null;
  /** Index of the innermost enclosing iteration; null outside loops. */
  iteration: number | null;
  /** Milliseconds since the epoch. */
  startedAt: number | null;
  endedAt: number | null;
  seconds: number;
  attempts: number;
  resumedFrom: number | null;
  metrics: MetricTree;
  failure: FailureView | null;
  /** Iterations that a loop has committed; null for other steps, and while it runs (ask its workflow). */
  clicks: number | null;
}

/** A loop that this workflow has started. */
export interface LoopChildView {
  path: string;
  workflowId: string;
  max: number;
  state: 'running' | 'ended';
}

/** Where the workflow of a loop is; null in the root. */
export interface LoopPosition {
  path: string;
  /** Index of the iteration under way, from 0. */
  iteration: number;
  max: number;
  /** Iterations committed so far, those of earlier runs included. */
  clicks: number;
  /** Metrics of the last committed iteration, by step. */
  metrics: MetricTree;
}

export interface ApprovalView {
  path: string;
  since: number;
  timeoutAt: number;
  onTimeout: 'approve' | 'reject';
}

export interface StatusView {
  workflowId: string;
  runId: string;
  pipeline: string;
  planHash: string;
  state: RunStateName;
  startedAt: number;
  endedAt: number | null;
  steps: StepView[];
  loops: LoopChildView[];
  loop: LoopPosition | null;
  paused: { since: number; by: string | null; now: boolean } | null;
  approvals: ApprovalView[];
  failures: FailureView[];
  /** Absent when there are none. */
  warnings?: string[];
  /** As in the run record; of loops that run, their own workflow tells. Absent when nothing was lost. */
  lost?: LostTime;
  /** As in the run record. */
  saved?: number;
}

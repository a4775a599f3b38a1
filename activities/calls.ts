// The calls from the interpreter to the activities: types only, so that workflows/ may import them.
// JSON all the way; references to artifacts, never their bytes.
import type { ArtifactType, Checkpoint, Plan, PlanKind, Retry } from '../schemas/generated/plan.js';
import type { ArtifactRef, RunRecord } from '../schemas/generated/records.js';
import type { LostTime } from '../schemas/lost-time.js';

/** Which run a call belongs to; constant over continue-as-new of the root. */
export interface RunInfo {
  workflowId: string;
  /** The Temporal run id of the first execution in the chain. */
  runId: string;
  planHash: string;
  storeId: string;
  pipeline: string;
}

/** What an input may be at run time: JSON with artifacts and files by reference ({$artifact: …}, {$file: …}). */
export type InputValue = string | number | boolean | null | ArtifactRef | { [name: string]: InputValue } | InputValue[];

export interface ResolveInput {
  run: RunInfo;
  path: string;
  uses: string;
  kind: PlanKind;
  inputs: Record<string, InputValue>;
  runSeed: number;
  /** Indices of the enclosing loops, outermost first. */
  indices: number[];
  cache: boolean;
  /** As in the plan's step. */
  again?: string;
}

export type ResolveOutput =
  | { state: 'cached'; key: string; reason: string; outcome: StepOutcome }
  | {
      state: 'run' | 'resumable' | 'pruned';
      key: string;
      checkpointKey: string;
      seed: number | null;
      reason: string;
      checkpointStep: number | null;
    }
  | { state: 'held'; key: string; reason: string; retryAfterMs: number };

/** The argument of every step activity. The activity's name is the step kind. */
export interface StepCall {
  run: RunInfo;
  path: string;
  uses: string;
  version: number;
  key: string;
  checkpointKey: string;
  inputs: Record<string, InputValue>;
  seed: number | null;
  outputs: Record<string, ArtifactType>;
  checkpoint: Checkpoint;
  retry: Retry;
  /** What the step declares itself (`uses: command`); absent where the kind has a declaration of its own. */
  declaration?: PlanKind;
  /** Set between two clicks of a loop: the result stays with the worker and is not committed. */
  volatile?: VolatileStep;
  /** As in the plan's step. */
  again?: string;
  /** What the shards of the step have made, in their order: it puts that together. Absent where it runs as one. */
  shards?: Record<string, InputValue>[];
}

/** Where a step stands whose result is not committed. */
export interface VolatileStep {
  /** Workflow id of the loop. */
  loop: string;
  iteration: number;
  /** Keys of results that the iteration's carries name: all that it knows of the iterations before. */
  carried: string[];
}

/** The argument of the activity `commitVolatile`, on the queue of the host that holds the results. */
export interface CommitVolatileInput {
  run: RunInfo;
  /** Path of the iteration that the click is of. */
  path: string;
  /** Workflow id of the loop: what else it has held there is dropped. */
  loop: string;
  /** Keys of the results that the click carries. */
  keys: string[];
  /** Whether the next iteration runs meanwhile and reads what is held: then nothing is dropped. */
  isRead?: boolean;
}

/** What the activity `commitVolatile` returns; nothing on workers from before `commit-behind`. */
export interface CommitVolatileOutput {
  /** Whether what stands for one of the keys was made by another run. */
  isOther: boolean;
}

export type CommitVolatile = (input: CommitVolatileInput) => Promise<CommitVolatileOutput | undefined>;

/**
 * The call of a step whose key no result can have yet, because one of its inputs was made for the first time a moment ago:
 * nothing was looked up, and the activity derives key, checkpoint key and seed by itself.
 */
export interface FreshStepCall extends Omit<StepCall, 'key' | 'checkpointKey' | 'seed'> {
  key: null;
  derive: Pick<ResolveInput, 'kind' | 'runSeed' | 'indices' | 'cache' | 'again'>;
}

export interface StepOutcome {
  /** What the step's result is named by; absent in histories from before it was there. */
  key?: string;
  /** Whether the result stood already when the activity looked, and nothing was computed. */
  found?: boolean;
  outputs: Record<string, ArtifactRef>;
  metrics: Record<string, number | null>;
  seconds: number;
  attempts: number;
  resumedFrom: number | null;
  /** What a person should know of how it was made; absent when there is nothing. */
  warnings?: string[];
  /** Queue of the host that ran it, for the slot lease of a loop; null for kinds that run on the worker. */
  hostQueue: string | null;
  /** What faults and waiting have cost; absent when nothing. */
  lost?: LostTime;
  /** Seconds that a result of the cache took when it was made; absent when it was made now. */
  saved?: number;
  /** Name of the host, where the step ran between two clicks of a loop; its artifacts then say `volatile`. */
  host?: string;
}

export interface OpenLoopInput {
  run: RunInfo;
  path: string;
  /** Everything the loop key is made of. */
  identity: { body: unknown; carry: unknown; outer: unknown; seed: unknown; begin?: unknown };
  /** Iterations at most. */
  max: number;
  /** The metrics that `history` must hold, as step.metric, sorted; others may be left out, which keeps it small. Absent: all. */
  metrics?: string[];
}

export interface ClickView {
  index: number;
  carry: Record<string, InputValue>;
  metrics: Record<string, Record<string, number | null>>;
}

/** An iteration between two clicks. */
export type IterationView = Pick<ClickView, 'index' | 'metrics'>;

/** The clicks 0..n that are kept, metrics of each, carry of those whose carry is still stored. */
export interface OpenLoopOutput {
  loopKey: string;
  /** The newest valid click with its carry that is below `max`; null = start at iteration 0. */
  newest: ClickView | null;
  /** Recorded metrics by iteration index, from 0 to newest.index. */
  history: { index: number; metrics: ClickView['metrics']; restorable: boolean }[];
}

export interface CommitClickInput {
  run: RunInfo;
  path: string;
  loopKey: string;
  click: ClickView & { keys: Record<string, string>; seconds: number; earlier?: IterationView[] };
  keep: { last: number; every: number | null; best: { metric: string; goal: 'maximize' | 'minimize' } | null };
}

export interface NotifyInput {
  run: RunInfo;
  /** Name of the environment variable of the worker that holds the address. */
  webhook: string;
  state: 'failed' | 'succeeded' | 'waiting' | 'cancelled';
  message: string;
  /** The gate that waits; null for the run. */
  path: string | null;
  mlflow: string | null;
}

/** Local activities: short, idempotent, on the workflow's own worker. They read and write records, never artifacts. */
export interface LocalActivities {
  loadPlan(input: { run: RunInfo; planHash: string }): Promise<Plan>;
  resolve(input: ResolveInput): Promise<ResolveOutput>;
  openLoop(input: OpenLoopInput): Promise<OpenLoopOutput>;
  loadClick(input: { loopKey: string; index: number }): Promise<ClickView | null>;
  /** Writes the click if absent (the first wins) and prunes superseded ones; returns the click that stands. */
  commitClick(input: CommitClickInput): Promise<ClickView>;
  /** Writes the run record and asks the tracker to catch up. */
  recordRun(input: { record: RunRecord; final: boolean }): Promise<void>;
  /** Tells somebody how the run goes; the warning says why nobody was told. */
  notify(input: NotifyInput): Promise<{ warning: string | null }>;
}

/** Where steps go: made by the CLI from temporal.config.ts when a run is submitted. */
export interface Placement {
  workflowQueue: string;
  trainers: { queue: string; gpus: number; labels: string[] }[];
}

/** The argument of the root workflow. */
export interface RunInput {
  /** By value when small, and only for a plan without loops; else by reference. */
  plan: Plan | null;
  planHash: string;
  placement: Placement;
  storeId: string;
  features: {
    searchAttributes: boolean;
    /** Whether steps with a new input go to their activity without `resolve`; absent in older histories: no. */
    freshSteps?: boolean;
    /** Whether results between two clicks of a loop stay with the worker that made them; absent in older histories: no. */
    volatile?: boolean;
    /** Whether steps of the plan are marked to be computed again: a worker that does not know that must leave the run alone. */
    again?: boolean;
    /** Whether steps of the plan run as shards; absent in older histories, and where none asks for it: no. */
    shards?: boolean;
  };
  gitCommit: string | null;
  mlflow: string | null;
}

export type { ArtifactRef, Checkpoint, Retry };

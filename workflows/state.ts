// The state of one workflow execution, as the status query shows it.
// Owns the views of steps, what runs, the pause and the decisions on gates. Does not own values (scope.ts).
// I1: a step's view changes only through `update`, which redraws the details. I2: views keep the order of the plan.
import type { Node } from '../schemas/generated/plan.js';
import type { Decision } from './control-names.js';
import type { ChildHandle } from './port.js';
import type { FailureView, LoopChildView, LoopPosition, RunStateName, StatusView, StepView } from './status.js';
import type { StopSource } from './stop.js';
import { failure } from './failure.js';
import { childPath } from '../schemas/ids.js';
import { addLedgers, emptyLedger, filledLedger } from '../schemas/lost-time.js';
import type { Ledger } from '../schemas/lost-time.js';

export interface Approval {
  since: number;
  timeoutAt: number;
  onTimeout: 'approve' | 'reject';
  decision: { approved: boolean; by: string; note: string } | null;
}

export interface Paused {
  since: number;
  by: string | null;
  now: boolean;
}

export interface RunState {
  about: { workflowId: string; runId: string; pipeline: string; planHash: string };
  state: Exclude<RunStateName, 'paused'>;
  startedAt: number;
  endedAt: number | null;
  steps: Record<string, StepView>;
  /** The last steps that ended, newest first, over iterations. */
  recent: StepView[];
  loops: Record<string, LoopChildView>;
  loop: LoopPosition | null;
  paused: Paused | null;
  approvals: Map<string, Approval>;
  failures: FailureView[];
  /** What went wrong beside the steps, in words: nobody could be told. */
  warnings: string[];
  /** What faults and waiting have cost, and the cache saved; of the loops that have ended, too. */
  ledger: Ledger;
  /** Stops of the step activities under way, by path, for `pause` with `now`. */
  running: Map<string, StopSource>;
  /** Handles of the loops under way, by path. */
  children: Map<string, Pick<ChildHandle<unknown>, 'signal'>>;
  redraw: () => void;
}

/** How many ended steps are kept for the details. */
const recentCount = 20;

const ended = new Set(['done', 'cached', 'skipped', 'failed', 'cancelled']);

/** The state of an execution that begins. */
export const beginState = (about: RunState['about'], startedAt: number): RunState => ({
  about,
  state: 'running',
  startedAt,
  endedAt: null,
  steps: {},
  recent: [],
  loops: {},
  loop: null,
  paused: null,
  approvals: new Map(),
  failures: [],
  warnings: [],
  ledger: emptyLedger(),
  running: new Map(),
  children: new Map(),
  redraw: () => undefined,
});

/** Puts the steps of a level into the state, none of them started; those of the level before are dropped. */
export function showLevel(
  state: RunState,
  nodes: Record<string, Node>,
  prefix: string,
  iteration: number | null,
): void {
  state.steps = {};
  for (const [name, node] of Object.entries(nodes)) {
    const path = childPath(prefix, name);
    state.steps[path] = pendingView(path, node, iteration);
  }
  state.redraw();
}

/** Puts the shards of a step behind it, none of them started. */
export function showShards(
  state: RunState,
  step: { path: string },
  shards: readonly { path: string; node: Node }[],
): void {
  const iteration = state.steps[step.path]?.iteration ?? null;
  const views = shards.map(({ path, node }) => [path, pendingView(path, node, iteration)] as const);
  state.steps = Object.fromEntries(
    Object.entries(state.steps).flatMap((entry) => (entry[0] === step.path ? [entry, ...views] : [entry])),
  );
  state.redraw();
}

const pendingView = (path: string, node: Node, iteration: number | null): StepView => ({
  path,
  kind: node.node === 'step' ? node.uses : node.node,
  state: 'pending',
  reason: null,
  key: null,
  iteration,
  startedAt: null,
  endedAt: null,
  seconds: 0,
  attempts: 0,
  resumedFrom: null,
  metrics: {},
  failure: null,
  clicks: null,
});

/** Changes the view of a step. */
export function update(state: RunState, path: string, change: Partial<StepView>): void {
  const before = state.steps[path];
  if (before === undefined) return;
  const after = { ...before, ...change };
  state.steps[path] = after;
  if (ended.has(after.state)) {
    state.recent = [after, ...state.recent.filter((view) => view.path !== path)].slice(0, recentCount);
  }
  state.redraw();
}

/** Enters what a step or a loop has cost or saved. */
export function note(state: RunState, more: Partial<Ledger>): void {
  state.ledger = addLedgers(state.ledger, more);
}

/** Warnings that are kept; a long loop may have one in every iteration. */
const warningCount = 100;

/** Enters warnings: the first hundred, then one line that says where the others are. */
export function addWarnings(state: RunState, warnings: readonly string[]): void {
  const rest = 'further warnings are left out here; `pawl logs` of a step and its result have them';
  for (const warning of warnings) {
    if (state.warnings.length < warningCount) state.warnings.push(warning);
    else if (state.warnings.length === warningCount) state.warnings.push(rest);
  }
}

/** What the status query returns. Pure. */
export const statusOf = (state: RunState): StatusView => ({
  ...state.about,
  state: state.state === 'running' && state.paused !== null ? 'paused' : state.state,
  startedAt: state.startedAt,
  endedAt: state.endedAt,
  steps: Object.values(state.steps),
  loops: Object.values(state.loops),
  loop: state.loop,
  paused: state.paused,
  approvals: [...state.approvals]
    .filter(([, approval]) => approval.decision === null)
    .map(([path, { since, timeoutAt, onTimeout }]) => ({ path, since, timeoutAt, onTimeout })),
  failures: state.failures,
  ...warningsOf(state),
  ...filledLedger(state.ledger),
});

/** The warnings as they are told and carried on: absent when there are none. Pure. */
export const warningsOf = ({ warnings }: RunState): { warnings?: string[] } =>
  warnings.length === 0 ? {} : { warnings: [...warnings] };

/** Records a decision on the gate it names, or on the only one that waits. */
export function decide(state: RunState, decision: Decision, approved: boolean): string {
  const found = awaitedGate(state, decision.path);
  if (typeof found === 'string') throw failure('config', found);
  const approval = state.approvals.get(found.gate);
  if (approval !== undefined) approval.decision = { approved, by: decision.by, note: decision.note };
  return found.gate;
}

/** The gate that a decision is for, or why there is none. Pure. */
export function awaitedGate(state: RunState, path: string | undefined): { gate: string } | string {
  const waiting = statusOf(state).approvals.map((approval) => approval.path);
  if (waiting.length === 0) return 'no step of this run waits for approval';
  if (path !== undefined) {
    const others = `${waiting.join(', ')} ${waiting.length === 1 ? 'does' : 'do'}`;
    return waiting.includes(path) ? { gate: path } : `\`${path}\` does not wait for approval; ${others}`;
  }
  const [only] = waiting;
  if (waiting.length > 1 || only === undefined)
    return `several steps wait for approval: name one of ${waiting.join(', ')}`;
  return { gate: only };
}

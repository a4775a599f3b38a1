// What a run of a plan would do, step by step, and why: before anything runs, from the store alone.
import { collectCells } from '../schemas/collect-cells.js';
import { checkpointLimit, deriveStep, keyedByRun } from '../schemas/derivation.js';
import type { GateNode, MatrixNode, Node, Plan, StepNode, Value } from '../schemas/generated/plan.js';
import type { Result, RunRecord } from '../schemas/generated/records.js';
import { newestCheckpoint } from '../store/checkpoints.js';
import { checkResult, readResult } from '../store/results.js';
import { listRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { explainChange } from './key-diff.js';
import { evaluateKnown } from './known-values.js';
import type { Evaluated, Known } from './known-values.js';
import { planLoop } from './plan-loop.js';

/** PENDING: known only once something before it has run. SKIP: its `if` is false, or it reads what is skipped. */
export type PlannedState = 'RUN' | 'CACHED' | 'RESUME' | 'PENDING' | 'SKIP';

export interface PlannedStep {
  path: string;
  node: Node['node'];
  /** The step kind; null for loops and gates. */
  uses: string | null;
  state: PlannedState;
  reason: string;
  /** Key of the step or loop; null while it is not known, and for gates. */
  key: string | null;
  /** Step of the checkpoint that it would resume from. */
  checkpointStep: number | null;
  /** Index of the last committed iteration of a loop. */
  click: number | null;
}

export interface PlanRunInput {
  plan: Plan;
  store: ObjectStore;
  /** Every environment field that kinds of the plan declare, by name, e.g. python_version. */
  environment: Record<string, string>;
  /** The run that is looked at: a step with `cache: false` may use only results of its own run. Null: a new run. */
  workflowId: string | null;
}

interface Planning extends PlanRunInput {
  known: Known;
  /** Name of the step by its key, for reasons. */
  producers: Map<string, string>;
  runs: () => Promise<RunRecord[]>;
}

type Decision = Pick<PlannedStep, 'state' | 'reason'> & Partial<PlannedStep>;

/** The steps in an order in which they can run, with what a run would do. Reads the store; changes nothing. */
export async function planRun(input: PlanRunInput): Promise<PlannedStep[]> {
  let runs: Promise<RunRecord[]> | null = null;
  const planning: Planning = {
    ...input,
    known: { params: input.plan.params, steps: new Map(), skipped: new Map() },
    producers: new Map(),
    runs: () => (runs ??= listRuns(input.store, input.plan.name)),
  };
  const planned: PlannedStep[] = [];
  for (const [path, node] of inOrder(input.plan)) {
    const decision = await decide(planning, path, node);
    const uses = node.node === 'step' ? node.uses : null;
    planned.push({ path, node: node.node, uses, key: null, checkpointStep: null, click: null, ...decision });
  }
  return planned;
}

/** Dependencies first; among those that are ready, in the plan's order. */
function inOrder({ steps }: Plan): [string, Node][] {
  const ordered = new Map<string, Node>();
  const visit = (name: string): void => {
    const node = steps[name];
    if (node === undefined || ordered.has(name)) return;
    for (const dep of node.deps) visit(dep);
    ordered.set(name, node);
  };
  for (const name of Object.keys(steps)) visit(name);
  return [...ordered];
}

async function decide(planning: Planning, path: string, node: Node): Promise<Decision> {
  const { known, plan, store } = planning;
  if (node.node === 'matrix') return decideMatrix(planning, path, node);
  const condition = node.if === null ? null : evaluateKnown(node.if, known);
  if (condition !== null && condition.state !== 'known') return blocked(planning, path, condition);
  if (condition?.value === false) return skip(planning, path, node);
  if (node.node === 'gate') return decideGate(planning, path, node);
  if (node.node === 'step') return decideStep(planning, path, node);
  const loop = await planLoop(plan, node, known, store);
  if (loop.state === 'blocked') return blocked(planning, path, loop.by);
  if (loop.state === 'CACHED') known.steps.set(path, loop.known);
  return { state: loop.state, reason: loop.reason, key: loop.key, click: loop.click };
}

function skip({ known }: Planning, path: string, node: Node): Decision {
  const reason = 'its `if` is false';
  known.skipped.set(path, reason);
  const outputs = elseOutputs(known, node.node === 'gate' ? null : node.else);
  known.steps.set(path, { outputs, metrics: null });
  return { state: 'SKIP', reason };
}

function elseOutputs(known: Known, values: Record<string, Value> | null): Record<string, unknown> {
  const outputs: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values ?? {})) {
    const evaluated = evaluateKnown(value, known);
    if (evaluated.state === 'known') outputs[name] = evaluated.value;
  }
  return outputs;
}

function blocked({ known }: Planning, path: string, by: Exclude<Evaluated, { state: 'known' }>): Decision {
  switch (by.state) {
    case 'unknown':
      return {
        state: 'PENDING',
        reason: `\`${by.reference.text}\` is known once \`${by.reference.path[1] ?? ''}\` has run`,
      };
    case 'failed':
      return { state: 'PENDING', reason: by.message };
    case 'skipped': {
      const reason = `\`${by.step}\` is skipped: ${by.reason}`;
      known.skipped.set(path, reason);
      return { state: 'SKIP', reason };
    }
  }
}

/** The cells come before: what can be read of them is known when the metrics of all are. */
function decideMatrix({ known }: Planning, path: string, node: MatrixNode): Decision {
  const ran = node.cells.filter(({ name }) => !known.skipped.has(name));
  if (ran.length === 0) return skipMatrix(known, path, node);
  const missing = ran.filter(({ name }) => known.steps.get(name)?.metrics == null);
  if (missing.length > 0)
    return { state: 'PENDING', reason: `${missing.length} of ${ran.length} cells have to run first` };
  const { cells, best } = collectCells(node, (name) => {
    const step = known.skipped.has(name) ? undefined : known.steps.get(name);
    return step === undefined ? undefined : { outputs: step.outputs, metrics: step.metrics ?? {} };
  });
  if (node.best !== null && best === null)
    return { state: 'RUN', reason: `would fail: no cell has \`${node.best.metric}\`` };
  known.steps.set(path, { outputs: {}, metrics: best?.value.metrics ?? {}, cells, ...(best && { best: best.value }) });
  return { state: 'CACHED', reason: `${cells.length} cells${best === null ? '' : `; the best is ${best.name}`}` };
}

function skipMatrix(known: Known, path: string, node: MatrixNode): Decision {
  const reason = 'every cell is skipped';
  known.skipped.set(path, reason);
  known.steps.set(path, { outputs: {}, metrics: null, best: { outputs: elseOutputs(known, node.else), metrics: {} } });
  return { state: 'SKIP', reason };
}

function decideGate(planning: Planning, path: string, node: GateNode): Decision {
  for (const { expression, source } of node.assert) {
    const evaluated = evaluateKnown(expression, planning.known);
    if (evaluated.state !== 'known') return blocked(planning, path, evaluated);
    if (evaluated.value !== true) return { state: 'RUN', reason: `would fail: ${source} does not hold` };
  }
  return { state: 'RUN', reason: node.approve === null ? 'its assertions hold' : 'waits for a person' };
}

async function decideStep(planning: Planning, path: string, node: StepNode): Promise<Decision> {
  const { plan, store, known } = planning;
  const inputs = evaluateKnown(node.with, known);
  if (inputs.state !== 'known') return blocked(planning, path, inputs);
  const derived = deriveStep({
    ...keyed(planning, node),
    kindName: node.uses,
    inputs: inputs.value as Record<string, unknown>,
    runSeed: plan.seed,
    indices: [],
  });
  const { key, checkpointKey, derivation } = derived;
  const result = await readResult(store, key);
  const isStored = result !== null && (await checkResult(store, result)) === 'ok';
  learn(planning, path, node, key, isStored ? result : null);
  if (isStored) return { state: 'CACHED', key, reason: `committed by ${result.run} at ${result.endedAt}` };
  const checkpoint = derivesCheckpoints(planning, node)
    ? await newestCheckpoint(
        store,
        checkpointKey,
        checkpointLimit(kindOf(plan, node).inputs, inputs.value as Record<string, unknown>),
      )
    : null;
  if (checkpoint !== null) {
    return { state: 'RESUME', key, checkpointStep: checkpoint.step, reason: `checkpoint of step ${checkpoint.step}` };
  }
  if (result !== null) return { state: 'RUN', key, reason: 'its artifacts were pruned' };
  const change = await explainChange(store, await planning.runs(), { path, derivation, producers: planning.producers });
  return { state: 'RUN', key, reason: change ?? 'no result yet' };
}

const kindOf = (plan: Plan, node: StepNode): Plan['kinds'][string] => {
  const kind = node.declaration ?? plan.kinds[node.uses];
  if (kind === undefined) throw new Error(`Internal error: the plan lacks the kind ${node.uses}`);
  return kind;
};

const derivesCheckpoints = ({ plan }: Planning, node: StepNode): boolean => kindOf(plan, node).checkpoints;

/** A step with `cache: false` is keyed by its run, too, so that no other run's result counts. */
function keyed(
  { plan, environment, workflowId }: Planning,
  node: StepNode,
): { kind: Plan['kinds'][string]; environment: Record<string, string> } {
  const kind = kindOf(plan, node);
  return node.cache ? { kind, environment } : keyedByRun(kind, environment, workflowId ?? '');
}

function learn(
  { plan, known, producers }: Planning,
  path: string,
  node: StepNode,
  key: string,
  result: Result | null,
): void {
  producers.set(key, path);
  const outputs = Object.entries(kindOf(plan, node).outputs).map(
    ([output, type]) => [output, { $artifact: { key, output, type } }] as const,
  );
  known.steps.set(path, { outputs: Object.fromEntries(outputs), metrics: result?.metrics ?? null });
}

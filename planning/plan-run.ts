// What a run of a plan would do, step by step, and why: before anything runs, from the store alone. It follows the order of
// workflows/dag.ts and activities/resolve.ts, so that it says what they will do.
import { skippedReferences } from './reads.js';
import { staysWithHost } from '../schemas/between-clicks.js';
import { collectCells } from '../schemas/collect-cells.js';
import type { GateNode, LoopNode, MatrixNode, Node, Plan, Value } from '../schemas/generated/plan.js';
import { childPath, iterationPath } from '../schemas/ids.js';
import type { ObjectStore } from '../store/store.js';
import { decideStep } from './decide-step.js';
import { noHistory, openHistory } from './history.js';
import { evaluateKnown } from './known-values.js';
import type { Evaluated, Known } from './known-values.js';
import { lookOnly } from './look-only.js';
import type { Level, Needs, Planning } from './level.js';
import { planIterations } from './plan-iterations.js';
import { planLoop } from './plan-loop.js';
import type { Decision, PlannedStep } from './planned-step.js';

export interface PlanRunInput {
  plan: Plan;
  store: ObjectStore;
  /** Every environment field that kinds of the plan declare, by name, e.g. python_version. */
  environment: Record<string, string>;
  /** The run that is looked at: a step with `cache: false` may use only results of its own run. Null: a new run. */
  workflowId: string | null;
  /** Milliseconds since the epoch: whether a claim still counts. */
  now: number;
}

/** The steps in an order in which they can run, with what a run would do. Reads the store, each object once; changes nothing. */
export async function planRun(input: PlanRunInput): Promise<PlannedStep[]> {
  return planAll(input, null);
}

/**
 * What a run may find in the store, now or once more of it is known: each step whose key is known, also where its `if` is not,
 * and each loop. Reads the store, each object once; changes nothing.
 */
export async function neededBy(input: PlanRunInput): Promise<Needs> {
  const needs: Needs = { steps: new Set(), checkpoints: new Set(), loops: new Set() };
  await planAll(input, needs);
  return needs;
}

async function planAll(input: PlanRunInput, needs: Needs | null): Promise<PlannedStep[]> {
  const store = lookOnly(input.store);
  const history = needs === null ? openHistory(store, input.plan.name) : noHistory;
  const planning: Planning = { ...input, store, producers: new Map(), history, needs };
  const { params, steps } = input.plan;
  const none = { steps: new Map(), skipped: new Map(), stopped: new Map(), gated: new Map() };
  return planLevel({
    planning,
    nodes: steps,
    prefix: '',
    indices: [],
    staysWithHost: false,
    known: { params, ...none, iteration: null },
  });
}

async function planLevel(level: Level): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = [];
  for (const [name, node] of inOrder(level.nodes)) {
    const decision = behindGate(level, name, node, await decide(level, name, node));
    planned.push({
      ...{ path: childPath(level.prefix, name), node, key: null, checkpointStep: null, click: null, max: null },
      ...{ decidedBy: null, comparedWith: null, changes: [], inputs: {}, inner: [] },
      ...decision,
    });
  }
  return planned;
}

/** What waits for a gate that is not decided starts only when it lets it. */
function behindGate({ known }: Level, name: string, node: Node, decision: Decision): Decision {
  const { state, reason } = decision;
  const isOpenGate = node.node === 'gate' && (state === 'PENDING' || (state === 'RUN' && node.approve !== null));
  const gate = node.deps.map((dep) => known.gated.get(dep)).find((one) => one !== undefined);
  if (isOpenGate) known.gated.set(name, name);
  if (gate === undefined || state === 'SKIPPED') return decision;
  if (!isOpenGate) known.gated.set(name, gate);
  if (state === 'PENDING') return decision;
  return {
    ...decision,
    state: 'PENDING',
    decidedBy: gate,
    reason: `decided when \`${gate}\` is done; then ${state}: ${reason}`,
  };
}

/** Dependencies first; among those that are ready, in the plan's order. */
function inOrder(nodes: Record<string, Node>): [string, Node][] {
  const ordered = new Map<string, Node>();
  const visit = (name: string): void => {
    const node = nodes[name];
    if (node === undefined || ordered.has(name)) return;
    for (const dep of node.deps) visit(dep);
    ordered.set(name, node);
  };
  for (const name of Object.keys(nodes)) visit(name);
  return [...ordered];
}

async function decide(level: Level, name: string, node: Node): Promise<Decision> {
  const stopped = node.deps.find((dep) => level.known.stopped.has(dep));
  if (stopped !== undefined) return stop(level, name, `\`${stopped}\` would fail: it does not start`);
  if (node.node === 'matrix') return decideMatrix(level, name, node);
  const barred = barredBy(level, name, node);
  if (barred !== null) return barred;
  switch (node.node) {
    case 'gate':
      return decideGate(level, name, node);
    case 'step': {
      const decision = await decideStep(level, name, node);
      return 'blockedBy' in decision
        ? { inputs: decision.inputs, ...undecided(level, name, decision.blockedBy) }
        : decision;
    }
    case 'loop':
      return decideLoop(level, name, node);
  }
}

/** Its `if`, or what it reads of skipped steps, when that keeps it from being decided by its key. */
function barredBy(level: Level, name: string, node: Exclude<Node, MatrixNode>): Decision | null {
  const { known } = level;
  const condition = node.if === null ? null : evaluateKnown(node.if, known);
  if (condition?.state === 'skipped') return skip(level, name, node, `\`${condition.step}\` is skipped`);
  if (condition?.state === 'known' && condition.value === false) return skip(level, name, node, 'its `if` is false');
  // Whatever its `if` turns out to be.
  const missing = skippedReferences(node, known);
  if (missing !== null) return skip(level, name, node, `\`${missing.step}\` is skipped: ${missing.reason}`);
  const isOpen = condition === null || condition.state === 'known' || level.planning.needs !== null;
  return isOpen ? null : undecided(level, name, condition);
}

function skip({ known }: Level, name: string, node: Node, reason: string): Decision {
  known.skipped.set(name, reason);
  const outputs = elseOutputs(known, node.node === 'gate' ? null : node.else);
  const supplied = { outputs, metrics: null };
  known.steps.set(name, node.node === 'matrix' ? { ...supplied, best: { outputs, metrics: {} } } : supplied);
  return { state: 'SKIPPED', reason };
}

function elseOutputs(known: Known, values: Record<string, Value> | null): Record<string, unknown> {
  const outputs: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(values ?? {})) {
    const evaluated = evaluateKnown(value, known);
    if (evaluated.state === 'known') outputs[name] = evaluated.value;
  }
  return outputs;
}

function stop({ known }: Level, name: string, reason: string): Decision {
  known.stopped.set(name, reason);
  return { state: 'SKIPPED', reason };
}

function undecided(level: Level, name: string, by: Exclude<Evaluated, { state: 'known' }>): Decision {
  switch (by.state) {
    case 'unknown': {
      const { path, text } = by.reference;
      const decidedBy = path[1] ?? '';
      return { state: 'PENDING', decidedBy, reason: `decided when \`${decidedBy}\` is done: it reads \`${text}\`` };
    }
    case 'failed':
      level.known.stopped.set(name, by.message);
      return { state: 'RUN', reason: `would fail: ${by.message}` };
    case 'skipped':
      level.known.skipped.set(name, by.reason);
      return { state: 'SKIPPED', reason: `\`${by.step}\` is skipped: ${by.reason}` };
  }
}

/** The cells come before: what can be read of them is known when the metrics of all are. */
function decideMatrix(level: Level, name: string, node: MatrixNode): Decision {
  const { known } = level;
  const ran = node.cells.filter((cell) => !known.skipped.has(cell.name));
  if (ran.length === 0) return skip(level, name, node, 'every cell is skipped');
  const missing = ran.filter((cell) => (known.steps.get(cell.name)?.metrics ?? null) === null);
  const [first] = missing;
  if (first !== undefined) {
    const reason = `${missing.length} of ${ran.length} cells have to run first`;
    return { state: 'PENDING', decidedBy: first.name, reason };
  }
  const { cells, best } = collectCells(node, (cell) => {
    const step = known.skipped.has(cell) ? undefined : known.steps.get(cell);
    return step === undefined ? undefined : { outputs: step.outputs, metrics: step.metrics ?? {} };
  });
  if (node.best !== null && best === null) {
    const message = `no cell has \`${node.best.metric}\``;
    known.stopped.set(name, message);
    return { state: 'RUN', reason: `would fail: ${message}` };
  }
  known.steps.set(name, { outputs: {}, metrics: best?.value.metrics ?? {}, cells, ...(best && { best: best.value }) });
  return { state: 'CACHED', reason: `${cells.length} cells${best === null ? '' : `; the best is ${best.name}`}` };
}

function decideGate(level: Level, name: string, node: GateNode): Decision {
  for (const { expression, source } of node.assert) {
    const evaluated = evaluateKnown(expression, level.known);
    if (evaluated.state !== 'known') return undecided(level, name, evaluated);
    if (evaluated.value === true) continue;
    level.known.stopped.set(name, `${source} does not hold`);
    return { state: 'RUN', reason: `would fail: ${source} does not hold` };
  }
  return { state: 'RUN', reason: node.approve === null ? 'its assertions hold' : 'waits for a person' };
}

/** Keys of the artifacts in a value. Pure. */
function artifactKeys(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (!('$artifact' in value)) return Object.values(value).flatMap(artifactKeys);
  const { key } = value.$artifact as { key: string };
  return [key];
}

async function decideLoop(level: Level, name: string, node: LoopNode): Promise<Decision> {
  const { known, planning } = level;
  const loop = await planLoop(planning, node, known, level.indices);
  if (loop.state === 'blocked') return { ...undecided(level, name, loop.by), max: loop.max };
  if (loop.state === 'CACHED') known.steps.set(name, loop.known);
  const { state, reason, key, click, max } = loop;
  planning.needs?.loops.add(key);
  // What a fork begins with was made by another run, which may be gone.
  for (const made of artifactKeys(node.fork?.carry)) planning.needs?.steps.add(made);
  if (loop.state === 'CACHED') return { state, reason, key, click, max };
  const path = childPath(level.prefix, name);
  const ahead = await planIterations(node, known, { ...loop, isAll: planning.needs !== null }, (index, inside) =>
    planLevel({
      ...{ planning, nodes: node.steps, prefix: iterationPath(path, index), indices: [...level.indices, index] },
      ...{ staysWithHost: staysWithHost(node), known: inside },
    }),
  );
  if (ahead.end !== null) {
    known.steps.set(name, ahead.end);
    return { state: 'CACHED', reason: 'every step of its iterations is cached', key, click, max };
  }
  const cached = ahead.index - loop.next;
  const more = cached === 0 ? '' : `; the steps of ${cached === 1 ? 'one' : `the next ${cached}`} are cached`;
  return { state, reason: `${reason}${more}`, key, click, max, inner: ahead.inner };
}

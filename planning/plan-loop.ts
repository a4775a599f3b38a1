// What a run would do with a loop: nothing, go on after its newest click, or start.
import { evaluateExpression, ExpressionError } from '../expressions/evaluate.js';
import { outerReferences } from '../expressions/outer-references.js';
import { referencesOfValue } from '../expressions/value-references.js';
import { recordedMatrices } from '../schemas/collect-cells.js';
import { deriveLoop } from '../schemas/derivation.js';
import type { LoopNode, Plan, Value } from '../schemas/generated/plan.js';
import type { Click } from '../schemas/generated/records.js';
import { bestClick, listClicks, newestClick, readClick } from '../store/clicks.js';
import type { ClickEntry } from '../store/clicks.js';
import type { ObjectStore } from '../store/store.js';
import { contextOf, evaluateKnown } from './known-values.js';
import type { Evaluated, Known, KnownStep } from './known-values.js';

export type LoopPlan =
  | { state: 'blocked'; by: Exclude<Evaluated, { state: 'known' }> }
  | { state: 'CACHED'; key: string; click: number; reason: string; known: KnownStep }
  | { state: 'RUN' | 'RESUME'; key: string; click: number | null; reason: string };

/** Where the loop stands in the store. Reads clicks. */
export async function planLoop(plan: Plan, node: LoopNode, known: Known, store: ObjectStore): Promise<LoopPlan> {
  const ready = readyLoop(plan, node, known);
  if ('by' in ready) return { state: 'blocked', by: ready.by };
  const { key, max } = ready;
  const newest = await newestClick(store, key, max);
  if (newest === null) return { state: 'RUN', key, click: null, reason: `no iteration of ${max} is committed` };
  const history = (await listClicks(store, key)).filter(({ index }) => index <= newest.index);
  const held = history.find((click) => untilHolds(node, click, known));
  const last = held === undefined ? newest : await readClick(store, key, held.index);
  const isWhole = held === undefined ? newest.index + 1 >= max : held.restorable;
  if (last === null || !isWhole) {
    const next = (held === undefined ? newest.index : Math.max(-1, ...restorableUpTo(history, held.index))) + 1;
    return { state: 'RESUME', key, click: next - 1, reason: `goes on at iteration ${next} of ${max}` };
  }
  const ended = held === undefined ? `${max} iterations are committed` : `\`until\` held at iteration ${last.index}`;
  return {
    state: 'CACHED',
    key,
    click: last.index,
    reason: ended,
    known: await knownAfter(node, key, last, history, store),
  };
}

const restorableUpTo = (history: readonly ClickEntry[], index: number): number[] =>
  history.filter((click) => click.restorable && click.index <= index).map((click) => click.index);

/** Key and bound of the loop, when all that they are made of is known. */
function readyLoop(
  plan: Plan,
  node: LoopNode,
  known: Known,
): { key: string; max: number } | { by: Exclude<Evaluated, { state: 'known' }> } {
  const max = evaluateKnown(node.max, known);
  if (max.state !== 'known') return { by: max };
  if (typeof max.value !== 'number') return { by: { state: 'failed', message: '`max` is not a number' } };
  const inits: Record<string, unknown> = {};
  for (const [name, carry] of Object.entries(node.carry)) {
    const init = evaluateKnown(carry.init, known);
    if (init.state !== 'known') return { by: init };
    inits[name] = init.value;
  }
  const outer: Record<string, unknown> = {};
  for (const text of outerReferences(node)) {
    const value = evaluateKnown({ $expr: text } satisfies Value, known);
    if (value.state !== 'known') return { by: value };
    outer[text] = value.value;
  }
  const { key } = deriveLoop({ node, kinds: plan.kinds, inits, outer, runSeed: plan.seed, indices: [] });
  return { key, max: max.value };
}

/** As the interpreter: one that reads a step which was skipped there, or a carry, does not hold by the record alone. */
function untilHolds(node: LoopNode, click: ClickEntry, known: Known): boolean {
  if (node.until === null) return false;
  const recorded = Object.fromEntries(Object.entries(click.metrics).map(([name, metrics]) => [name, deep(metrics)]));
  const steps = {
    ...Object.fromEntries(Object.entries(recorded).map(([name, metrics]) => [name, { outputs: {}, metrics }])),
    ...recordedMatrices<MetricTree>(node.steps, (name) => recorded[name], {}),
  };
  const readsUnknown = referencesOfValue(node.until).some(
    ({ path: [root, name = ''] }) =>
      root === 'carry' || (root === 'steps' && Object.hasOwn(node.steps, name) && !Object.hasOwn(steps, name)),
  );
  if (readsUnknown) return false;
  const context = contextOf(known);
  try {
    const scope = { ...context, steps: { ...(context.steps as object), ...steps }, iter: { index: click.index } };
    return evaluateExpression(node.until.$expr, scope) === true;
  } catch (error) {
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** Outputs and metrics that the complete loop is read by. */
async function knownAfter(
  node: LoopNode,
  key: string,
  last: Click,
  history: readonly ClickEntry[],
  store: ObjectStore,
): Promise<KnownStep> {
  const candidates = history.filter(({ index, restorable }) => restorable && index <= last.index);
  const best = node.keep.best === null ? null : bestClick(candidates, node.keep.best);
  const chosen = best === null ? last : ((await readClick(store, key, best.index)) ?? last);
  const metrics = Object.entries(last.metrics).map(([name, values]) => [name, deep(values)] as const);
  return { outputs: chosen.carry, metrics: Object.fromEntries(metrics) };
}

interface MetricTree {
  [name: string]: number | null | MetricTree;
}

/** Metrics of a nested loop have dotted names in a click; in expressions they are a tree. */
function deep(flat: Record<string, number | null>): MetricTree {
  const tree: MetricTree = {};
  for (const [dotted, value] of Object.entries(flat)) {
    const names = dotted.split('.');
    let level = tree;
    for (const name of names.slice(0, -1)) {
      const below = level[name];
      const branch: MetricTree = typeof below === 'object' && below !== null ? below : {};
      level[name] = branch;
      level = branch;
    }
    level[names.at(-1) ?? dotted] = value;
  }
  return tree;
}

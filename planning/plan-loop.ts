// What a run would do with a loop: nothing, go on after its newest click, or start.
import { evaluateExpression, ExpressionError } from '../expressions/evaluate.js';
import { outerReferences } from '../expressions/outer-references.js';
import { referencesOfValue } from '../expressions/value-references.js';
import { recordedMatrices } from '../schemas/collect-cells.js';
import { deriveLoop } from '../schemas/derivation.js';
import type { LoopNode, Plan, Value } from '../schemas/generated/plan.js';
import { firstIteration } from '../schemas/loop-identity.js';
import type { Click } from '../schemas/generated/records.js';
import { bestClick, listClicks, newestClick, readClick } from '../store/clicks.js';
import type { ClickEntry } from '../store/clicks.js';
import type { ObjectStore } from '../store/store.js';
import { contextOf, evaluateKnown } from './known-values.js';
import type { Evaluated, Known, KnownStep } from './known-values.js';
import type { Planning } from './level.js';
import { outerReferencesOfUntil } from './reads.js';

export type LoopPlan =
  | { state: 'blocked'; by: Exclude<Evaluated, { state: 'known' }>; max: number | null }
  | { state: 'CACHED'; key: string; click: number; max: number; reason: string; known: KnownStep }
  | {
      state: 'RUN' | 'RESUME';
      key: string;
      click: number | null;
      /** The next iteration. */
      next: number;
      max: number;
      reason: string;
      /** That the next iteration begins with. */
      carry: Record<string, unknown>;
    };

type Loop = Pick<Planning, 'plan' | 'store'>;

/** Where the loop stands in the store. Reads clicks. */
export async function planLoop(
  { plan, store }: Loop,
  node: LoopNode,
  known: Known,
  indices: readonly number[],
): Promise<LoopPlan> {
  const ready = readyLoop(plan, node, known, indices);
  if ('by' in ready) return { state: 'blocked', ...ready };
  const { key, max, inits } = ready;
  const newest = await newestClick(store, key, max);
  if (newest === null) return withoutClicks(node, ready);
  const history = (await listClicks(store, key)).filter(({ index }) => index <= newest.index);
  const held = history.find((click) =>
    untilHolds(node, click, known, click.index === newest.index ? newest.carry : null),
  );
  const last = held === undefined ? newest : await readClick(store, key, held.index);
  const isWhole = held === undefined ? newest.index + 1 >= max : held.restorable;
  if (last === null || !isWhole) {
    const click = held === undefined ? newest.index : Math.max(-1, ...restorableUpTo(history, held.index));
    const carry = (click < 0 ? null : (await readClick(store, key, click))?.carry) ?? inits;
    const reason = `goes on at iteration ${click + 1} of ${max}`;
    return click < 0
      ? { ...anew(node, ready), reason: 'the carries of its iterations are pruned' }
      : { state: 'RESUME', key, click, next: click + 1, max, carry, reason };
  }
  const ended = held === undefined ? `${max} iterations are committed` : `\`until\` held at iteration ${last.index}`;
  return {
    ...{ state: 'CACHED', key, click: last.index, max, reason: ended },
    known: await knownAfter(node, key, last, history, store),
  };
}

interface ReadyLoop {
  key: string;
  max: number;
  inits: Record<string, unknown>;
}

const anew = (node: LoopNode, { key, max, inits }: ReadyLoop) =>
  ({ state: 'RUN', key, click: null, next: firstIteration(node), max, carry: inits }) as const;

function withoutClicks(node: LoopNode, ready: ReadyLoop): LoopPlan {
  const { key, max } = ready;
  if (node.fork !== undefined && firstIteration(node) >= max) return endedBefore(node.fork, key, max);
  return { ...anew(node, ready), reason: `no iteration of ${max} is committed${forkText(node)}` };
}

const forkText = ({ fork }: LoopNode): string =>
  fork === undefined ? '' : `; begins after iteration ${fork.iteration} of ${fork.run}`;

/** A fork of the last iteration that `max` allows: what that one carried comes out. */
function endedBefore(fork: NonNullable<LoopNode['fork']>, key: string, max: number): LoopPlan {
  const metrics = Object.fromEntries(Object.entries(fork.metrics).map(([name, values]) => [name, deep(values)]));
  return {
    ...{ state: 'CACHED', key, click: fork.iteration, max, known: { outputs: fork.carry, metrics } },
    reason: `\`max\` is ${max}, and it would begin after iteration ${fork.iteration} of ${fork.run}: nothing is left to run`,
  };
}

const restorableUpTo = (history: readonly ClickEntry[], index: number): number[] =>
  history.filter((click) => click.restorable && click.index <= index).map((click) => click.index);

/** Key, bound and first carries of the loop, when all that they are made of is known. */
function readyLoop(
  plan: Plan,
  node: LoopNode,
  known: Known,
  indices: readonly number[],
): ReadyLoop | { by: Exclude<Evaluated, { state: 'known' }>; max: number | null } {
  const bound = evaluateKnown(node.max, known);
  if (bound.state !== 'known') return { by: bound, max: null };
  if (typeof bound.value !== 'number') return { by: { state: 'failed', message: '`max` is not a number' }, max: null };
  const max = bound.value;
  const inits: Record<string, unknown> = {};
  for (const [name, carry] of Object.entries(node.carry)) {
    const init: Evaluated =
      node.fork === undefined
        ? evaluateKnown(carry.init, known)
        : { state: 'known', value: node.fork.carry[name] ?? null };
    if (init.state !== 'known') return { by: init, max };
    inits[name] = init.value;
  }
  const outer: Record<string, unknown> = {};
  for (const text of [...outerReferences(node), ...outerReferencesOfUntil(node).map((reference) => reference.text)]) {
    const value = evaluateKnown({ $expr: text } satisfies Value, known);
    if (value.state !== 'known') return { by: value, max };
    outer[text] = value.value;
  }
  const read = Object.fromEntries(outerReferences(node).map((text) => [text, outer[text]]));
  const { key } = deriveLoop({
    node,
    kinds: plan.kinds,
    inits,
    outer: read,
    runSeed: plan.seed,
    indices: [...indices],
  });
  return { key, max, inits };
}

/** As the interpreter: one that reads a step which was skipped there, or a carry that is not at hand, does not hold. */
function untilHolds(node: LoopNode, click: ClickEntry, known: Known, carry: Record<string, unknown> | null): boolean {
  if (node.until === null) return false;
  const recorded = Object.fromEntries(Object.entries(click.metrics).map(([name, metrics]) => [name, deep(metrics)]));
  const steps = {
    ...Object.fromEntries(Object.entries(recorded).map(([name, metrics]) => [name, { outputs: {}, metrics }])),
    ...recordedMatrices<MetricTree>(node.steps, (name) => recorded[name], {}),
  };
  const readsUnknown = referencesOfValue(node.until).some(
    ({ path: [root, name = ''] }) =>
      (root === 'carry' && carry === null) ||
      (root === 'steps' && Object.hasOwn(node.steps, name) && !Object.hasOwn(steps, name)),
  );
  if (readsUnknown) return false;
  const context = contextOf(known);
  const scope = {
    ...{ ...context, steps: { ...(context.steps as object), ...steps } },
    ...{ iter: { index: click.index }, carry: carry ?? {} },
  };
  try {
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
  const metrics: MetricTree = {};
  // Names of nodes have dots, too, where a file is inlined; those of cells are read by the name of their step.
  for (const [node, values] of Object.entries(last.metrics))
    place(metrics, node.includes('[') ? [node] : node.split('.'), deep(values));
  return { outputs: chosen.carry, metrics };
}

interface MetricTree {
  [name: string]: number | null | MetricTree;
}

/** Metrics of a nested loop have dotted names in a click; in expressions they are a tree. */
function deep(flat: Record<string, number | null>): MetricTree {
  const tree: MetricTree = {};
  for (const [dotted, value] of Object.entries(flat)) place(tree, dotted.split('.'), value);
  return tree;
}

function place(tree: MetricTree, names: string[], value: MetricTree[string]): void {
  let level = tree;
  for (const name of names.slice(0, -1)) {
    const below = level[name];
    const branch: MetricTree = typeof below === 'object' && below !== null ? below : {};
    level[name] = branch;
    level = branch;
  }
  level[names.at(-1) ?? ''] = value;
}

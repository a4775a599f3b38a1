// Where a loop stands: opened from its clicks, moved by commits, taken back by a rewind, read out at the end.
// I1: a position is always just after a click (or at the init). I2: the click that the store returns stands, whoever
// wrote it. Iterations between two clicks (commit > 1) live in the loop's workflow only, until the next click.
import type { ClickView, InputValue, OpenLoopOutput } from '../activities/calls.js';
import type { LoopNode, MatrixNode, Plan } from '../schemas/generated/plan.js';
import type { LoopInput, LoopOutput, LoopPositionState } from './loop-input.js';
import { outerReferences } from '../expressions/outer-references.js';
import { filledLedger } from '../schemas/lost-time.js';
import { recordedMatrices } from '../schemas/collect-cells.js';
import { firstIteration, loopIdentity } from '../schemas/loop-identity.js';
import type { Run } from './level.js';
import { failure } from './failure.js';
import { deepMetrics, nestedMetrics } from './loop-metrics.js';
import { referencesOf } from './references.js';
import { holds, iterationScope, valuesAt } from './scope.js';
import type { Carries, Scope } from './scope.js';
import { warningsOf } from './state.js';
import type { MetricTree } from './status.js';

export interface LoopRun {
  run: Run;
  node: LoopNode;
  input: LoopInput;
  /** The levels around the loop. */
  outer: Scope;
}

/** Opens the loop: just after its newest click below `max`, or after the first recorded one at which `until` holds. */
export async function openLoop(loop: LoopRun): Promise<LoopPositionState> {
  const opened = await recorded(loop);
  const { newest, history, loopKey } = opened;
  const begin = atInit(loop, loopKey);
  if (newest === null) return begin;
  const last = history.find(({ index, metrics }) => {
    const carry = index === newest.index ? (newest.carry as Carries) : null;
    return untilHolds(loop, index, deepMetrics(metrics), carry);
  });
  if (last === undefined) return after(begin, newest, false);
  if (last.index === newest.index) return after(begin, newest, true);
  return restore(loop, begin, opened, last.index);
}

/** The iteration at which `until` held, or the nearest kept one before it, from which it is computed again. */
async function restore(
  loop: LoopRun,
  begin: LoopPositionState,
  { loopKey, history }: OpenLoopOutput,
  endIndex: number,
): Promise<LoopPositionState> {
  const candidates = history.filter(({ index, restorable }) => restorable && index <= endIndex).reverse();
  for (const { index } of candidates) {
    const click = await loop.run.port.runLocal('loadClick', { loopKey, index });
    if (click !== null) return after(begin, click, index === endIndex);
  }
  return begin;
}

/** Back to the last click, after results that were not committed are lost. */
export async function rewind(loop: LoopRun, position: LoopPositionState): Promise<LoopPositionState> {
  const rewinds = position.rewinds + 1;
  const lease = { queue: null, shared: null };
  const begin = { ...atInit(loop, position.loopKey), startedAt: position.startedAt };
  if (position.click < 0) return { ...begin, rewinds, lease };
  const click = await loop.run.port.runLocal('loadClick', { loopKey: position.loopKey, index: position.click });
  return click === null ? { ...begin, rewinds, lease } : { ...after({ ...position, lease }, click, false), rewinds };
}

/** What the loop ends with: the carries of its last click, or of the best where `keep.best` asks for it. */
export async function outputOf(loop: LoopRun, position: LoopPositionState): Promise<LoopOutput> {
  const { run, node } = loop;
  const seconds = (run.port.now() - position.startedAt) / 1000;
  const ending = {
    loopKey: position.loopKey,
    metrics: nestedMetrics(position.metrics),
    iterations: position.next,
    seconds,
    ...filledLedger(run.state.ledger),
    ...warningsOf(run.state),
  };
  const best = node.keep.best === null || position.click < 0 ? null : await bestClick(loop, position, node.keep.best);
  const chosen = best ?? { index: position.click, carry: position.carry };
  return { outputs: present(chosen.carry), chosen: chosen.index, ...ending };
}

async function bestClick(
  loop: LoopRun,
  position: LoopPositionState,
  best: NonNullable<LoopNode['keep']['best']>,
): Promise<ClickView | null> {
  const { history, loopKey } = await recorded(loop);
  const sign = best.goal === 'maximize' ? 1 : -1;
  const ranked = history
    .filter(({ index, restorable }) => restorable && index <= position.click)
    .map(({ index, metrics }) => ({ index, value: metricAt(deepMetrics(metrics), best.metric) }))
    .filter((one): one is { index: number; value: number } => one.value !== null)
    .sort((a, b) => sign * (b.value - a.value) || a.index - b.index);
  for (const { index } of ranked) {
    if (index === position.click) return null;
    const click = await loop.run.port.runLocal('loadClick', { loopKey, index });
    if (click !== null) return click;
    loop.run.port.log('warning', `the carry of iteration ${index}, the best, is not stored any more; taking the next`);
  }
  return null;
}

const recorded = ({ run, node, input, outer }: LoopRun): Promise<OpenLoopOutput> =>
  run.port.runLocal('openLoop', {
    run: run.info,
    path: input.path,
    identity: loopIdentity({
      node,
      kinds: run.plan.kinds,
      inits: input.init,
      outer: valuesAt(outerReferences(node), outer),
      runSeed: run.plan.seed,
      indices: input.indices,
    }),
    max: input.max,
    metrics: metricsRead(node, run.plan.kinds),
  });

/** Steps and metrics of an iteration that `until` and `keep.best` read, e.g. `update.kl`. */
function metricsRead(node: LoopNode, kinds: Plan['kinds']): string[] {
  const read = referencesOf(node.until).flatMap(([root, step, ...names]) => {
    const isInside = root === 'steps' && step !== undefined && Object.hasOwn(node.steps, step);
    const target = isInside ? node.steps[step] : undefined;
    if (target === undefined || step === undefined) return [];
    if (target.node === 'matrix' && names[0] === 'cells') return metricsOfCells(target, node, kinds);
    // The metrics of a best cell are recorded under the name of the step.
    const [part, ...path] = target.node === 'matrix' ? names.slice(1) : names;
    return part === 'metrics' ? [[step, ...path].join('.')] : [];
  });
  return [...new Set([...read, ...(node.keep.best === null ? [] : [metricName(node.keep.best.metric)])])].sort();
}

function metricsOfCells(matrix: MatrixNode, { steps }: LoopNode, kinds: Plan['kinds']): string[] {
  return matrix.cells.flatMap(({ name }) => {
    const cell = steps[name];
    const metrics = cell?.node === 'step' ? ((cell.declaration ?? kinds[cell.uses])?.metrics ?? []) : [];
    return metrics.map((metric) => `${name}.${metric}`);
  });
}

/** Whether `until` holds after iteration `index`. One that reads a step that was skipped there, or a carry not known, does not. */
export function untilHolds(loop: LoopRun, index: number, metrics: MetricTree, carry: Carries | null): boolean {
  const { node, outer } = loop;
  if (node.until === null) return false;
  const scope = iterationScope(outer, carry ?? {}, index);
  for (const name of Object.keys(node.steps)) {
    const values = metrics[name];
    if (typeof values === 'object' && values !== null) scope.steps[name] = { outputs: {}, metrics: values };
  }
  Object.assign(
    scope.steps,
    recordedMatrices<MetricTree>(node.steps, (name) => scope.steps[name]?.metrics, {}),
  );
  const unknown = referencesOf(node.until).some(
    ([root, name = '']) =>
      (root === 'steps' && Object.hasOwn(node.steps, name) && scope.steps[name] === undefined) ||
      (root === 'carry' && Object.hasOwn(node.carry, name) && carry === null),
  );
  return !unknown && holds(node.until, scope);
}

/** The position after a click. Pure. */
export const after = (position: LoopPositionState, click: ClickView, ended: boolean): LoopPositionState => ({
  ...position,
  next: click.index + 1,
  click: click.index,
  carry: click.carry,
  metrics: deepMetrics(click.metrics),
  ended,
  rewinds: 0,
});

const atInit = ({ run, node, input }: LoopRun, loopKey: string): LoopPositionState => ({
  loopKey,
  next: firstIteration(node),
  click: -1,
  carry: input.init,
  metrics: deepMetrics(node.fork?.metrics ?? {}),
  ended: false,
  lease: { queue: null, shared: null },
  rewinds: 0,
  startedAt: run.port.now(),
});

/** `steps.dev.ndcg_at_10`, `steps.dev.metrics.ndcg_at_10` and `dev.ndcg_at_10` name the same. */
const metricName = (text: string): string =>
  text.replace(/^steps\./, '').replace(/^([a-z][a-z0-9_]*)\.metrics\./, '$1.');

function metricAt(metrics: MetricTree, text: string): number | null {
  let value: MetricTree | number | null | undefined = nestedMetrics(metrics);
  for (const name of metricName(text).split('.')) {
    if (typeof value !== 'object' || value === null) return null;
    value = value[name];
  }
  return typeof value === 'number' ? value : null;
}

const present = (carries: Carries): Record<string, InputValue> =>
  Object.fromEntries(Object.entries(carries).filter(([, value]) => value !== null));

/** Refuses a loop that loses its uncommitted results again and again without a click between. */
export function checkRewinds(position: LoopPositionState, atMost: number): void {
  if (position.rewinds < atMost) return;
  throw failure(
    'volatile_lost',
    `uncommitted results were lost ${position.rewinds + 1} times in a row without a click between`,
  );
}

// The workflow of a loop: iterations from its newest click on, a click each `commit` iterations, continue-as-new at clicks.
import type { IterationView } from '../activities/calls.js';
import type { LoopNode } from '../schemas/generated/plan.js';
import { runLevel } from './dag.js';
import { failureOfAll } from './failure.js';
import { endOf } from './level-end.js';
import type { Outcomes, Run } from './level.js';
import type { LoopInput, LoopOutput, LoopPositionState } from './loop-input.js';
import { flatMetrics } from './loop-metrics.js';
import { after, checkRewinds, openLoop, outputOf, rewind, untilHolds } from './loop-position.js';
import type { LoopRun } from './loop-position.js';
import { iterationPath } from '../schemas/ids.js';
import { addLost, filledLedger } from '../schemas/lost-time.js';
import { iterationScope, scopeFrom, valueOf } from './scope.js';
import type { Carries } from './scope.js';
import { note, showLevel, warningsOf } from './state.js';
import type { MetricTree } from './status.js';
import { committed, isVolatile, volatileStep } from './volatile.js';
import type { Progress } from './volatile.js';

/** Rewinds without a click between, after which the loop gives up. */
const maxRewinds = 3;
/** Search attributes cost an event: not each iteration. */
const attributeEvery = 10;

/** Runs the loop to its end; continues as new on the way. Throws one failure that lists all of the iteration. */
export async function iterate(run: Run, node: LoopNode, input: LoopInput): Promise<LoopOutput> {
  const loop: LoopRun = { run, node, input, outer: scopeFrom(run.plan.params, input.outer) };
  let position = input.position ?? (await openLoop(loop));
  let progress = begin(position);
  let clickedMs = run.port.now();
  if (input.position === null) markIteration(run, input.path, progress.next);
  while (!position.ended && progress.next < input.max) {
    showPosition(loop, position, progress.next);
    if (progress.next % attributeEvery === 0 && progress.next > 0) markIteration(run, input.path, progress.next);
    const iteration = await runIteration(loop, position, progress);
    if (iteration !== 'lost' && !isClick(loop, progress.next, iteration)) {
      progress = onwards(progress, iteration);
      continue;
    }
    const carry = iteration === 'lost' ? 'lost' : await committed(loop, progress.next, iteration.carry);
    if (iteration === 'lost' || carry === 'lost') {
      run.state.failures = [];
      checkRewinds(position, maxRewinds);
      const reached = progress.next;
      const recomputed = (run.port.now() - clickedMs) / 1000;
      note(run.state, { lost: addLost({}, 'volatile_lost', { recomputed }) });
      clickedMs = run.port.now();
      position = await rewind(loop, position);
      progress = begin(position);
      run.port.log('warning', `what ${input.path} had since its last click is lost`, { reached, next: progress.next });
      continue;
    }
    position = await commit(loop, position, progress, { ...iteration, carry });
    progress = begin(position);
    clickedMs = run.port.now();
    await continueWhereLong(loop, position);
  }
  showPosition(loop, position, position.click < 0 ? 0 : position.click);
  return outputOf(loop, position);
}

const begin = ({ next, carry }: LoopPositionState): Progress => ({ next, carry, earlier: [] });

const onwards = ({ next, earlier }: Progress, { carry, metrics }: Iteration): Progress => ({
  next: next + 1,
  carry,
  earlier: [...earlier, { index: next, metrics: recordedMetrics(metrics) }],
});

/** A click comes each `commit` iterations, at the end, and before the history gets too long to wait for one. */
function isClick({ run, node, input }: LoopRun, index: number, { ended }: Iteration): boolean {
  if (ended || index + 1 >= input.max || (index + 1) % node.commit === 0) return true;
  return run.volatile && run.port.shouldContinueAsNew();
}

interface Iteration {
  carry: Carries;
  metrics: MetricTree;
  keys: Record<string, string>;
  seconds: number;
  ended: boolean;
}

async function runIteration(
  loop: LoopRun,
  position: LoopPositionState,
  { next: index, carry }: Progress,
): Promise<Iteration | 'lost'> {
  const { run, node, input } = loop;
  const prefix = iterationPath(input.path, index);
  const startedAt = run.port.now();
  const scope = iterationScope(loop.outer, carry, index);
  showLevel(run.state, node.steps, prefix, index);
  const indices = [...input.indices, index];
  const volatile = isVolatile(loop, position) ? { volatile: volatileStep(loop, index, carry) } : {};
  const level = { run, nodes: node.steps, prefix, indices, scope, lease: position.lease, ...volatile };
  const outcomes = await runLevel(level);
  const end = endOf(run, outcomes);
  if (end.status === 'failed') {
    if (end.failures.every((one) => one.class === 'volatile_lost')) return 'lost';
    throw failureOfAll(end.failures, end.failFast);
  }
  if (end.status === 'cancelled') throw end.error;
  const nextCarry = nextOf(node, (value) => valueOf(value, scope));
  const metrics = metricsOf(outcomes);
  return {
    carry: nextCarry,
    metrics,
    keys: keysOf(outcomes),
    seconds: (run.port.now() - startedAt) / 1000,
    ended: untilHolds(loop, index, metrics, nextCarry),
  };
}

const nextOf = (node: LoopNode, evaluate: (value: LoopNode['carry'][string]['next']) => Carries[string]): Carries =>
  Object.fromEntries(Object.entries(node.carry).map(([name, { next }]) => [name, evaluate(next)]));

const metricsOf = (outcomes: Outcomes): MetricTree =>
  Object.fromEntries(
    Object.entries(outcomes).flatMap(([name, outcome]) =>
      outcome.status === 'done' ? [[name, outcome.value.metrics]] : [],
    ),
  );

const keysOf = (outcomes: Outcomes): Record<string, string> =>
  Object.fromEntries(
    Object.entries(outcomes).flatMap(([name, outcome]) =>
      outcome.status === 'done' && outcome.key !== null ? [[name, outcome.key]] : [],
    ),
  );

async function commit(
  { run, node, input, ...loop }: LoopRun,
  position: LoopPositionState,
  { next: index, earlier }: Progress,
  iteration: Iteration,
): Promise<LoopPositionState> {
  const { carry, keys, seconds } = iteration;
  const metrics = recordedMetrics(iteration.metrics);
  const stands = await run.port.runLocal('commitClick', {
    run: run.info,
    path: input.path,
    loopKey: position.loopKey,
    // Between clicks nothing was told to anybody: with the click it is.
    click: { index, carry, metrics, keys, seconds, ...(run.volatile && node.commit > 1 ? { earlier } : {}) },
    keep: node.keep,
  });
  const reached = after(position, stands, false);
  return { ...reached, ended: untilHolds({ run, node, input, ...loop }, index, reached.metrics, reached.carry) };
}

const recordedMetrics = (metrics: MetricTree): IterationView['metrics'] =>
  Object.fromEntries(Object.entries(metrics).map(([step, tree]) => [step, flatMetrics(tree as MetricTree)]));

async function continueWhereLong({ run, input }: LoopRun, position: LoopPositionState): Promise<void> {
  if (position.ended || position.next >= input.max || run.stop.isRequested() || !run.port.shouldContinueAsNew()) return;
  const ledger = filledLedger(run.state.ledger);
  const next: LoopInput = { ...input, paused: run.state.paused, position, ledger, ...warningsOf(run.state) };
  await run.port.continueAsNew(next);
}

function showPosition({ run, input }: LoopRun, position: LoopPositionState, index: number): void {
  const { path, max } = input;
  run.state.loop = { path, iteration: index, max, clicks: position.next, metrics: position.metrics };
  run.state.redraw();
}

function markIteration(run: Run, step: string, iteration: number): void {
  if (run.searchAttributes) run.port.setAttributes({ step, iteration });
}

// The workflow of a loop: iterations from its newest click on, a click each `commit` iterations, continue-as-new at clicks.
// I1: an iteration begins when the click before the last one stands.
import type { LoopNode } from '../schemas/generated/plan.js';
import { recordedMetrics, storeClick, type Click, type Iteration } from './click.js';
import { runLevel } from './dag.js';
import { failureOfAll } from './failure.js';
import { endOf } from './level-end.js';
import type { Outcomes, Run } from './level.js';
import type { LoopInput, LoopOutput, LoopPositionState } from './loop-input.js';
import { checkRewinds, openLoop, outputOf, rewind, untilHolds } from './loop-position.js';
import type { LoopRun } from './loop-position.js';
import { iterationPath } from '../schemas/ids.js';
import { addLost, filledLedger } from '../schemas/lost-time.js';
import { iterationScope, scopeFrom, valueOf } from './scope.js';
import type { Carries } from './scope.js';
import { note, showLevel, warningsOf } from './state.js';
import type { MetricTree } from './status.js';
import { committing, isVolatile, volatileStep } from './volatile.js';
import type { Progress } from './volatile.js';

/** Rewinds without a click between, after which the loop gives up. */
const maxRewinds = 3;
/** Search attributes cost an event: not each iteration. */
const attributeEvery = 10;

/** Where the workflow of a loop is. */
interface Course {
  /** Just after the last click that stands. */
  position: LoopPositionState;
  progress: Progress;
  /** The click that is stored while the next iteration runs; null = none. */
  behind: Promise<Click | 'lost'> | null;
  /** Since when there is something to lose. */
  sinceMs: number;
}

/** Runs the loop to its end; continues as new on the way. Throws one failure that lists all of the iteration. */
export async function iterate(run: Run, node: LoopNode, input: LoopInput): Promise<LoopOutput> {
  const loop: LoopRun = { run, node, input, outer: scopeFrom(run.plan.params, input.outer) };
  let course = from(loop, input.position ?? (await openLoop(loop)));
  if (input.position === null) markIteration(run, input.path, course.progress.next);
  while (!course.position.ended && course.progress.next < input.max) {
    const { position, progress } = course;
    showPosition(loop, position, progress.next);
    if (progress.next % attributeEvery === 0 && progress.next > 0) markIteration(run, input.path, progress.next);
    course = await turn(loop, course);
  }
  const { position } = course;
  showPosition(loop, position, position.click < 0 ? 0 : position.click);
  return outputOf(loop, position);
}

const from = ({ run }: LoopRun, position: LoopPositionState): Course => ({
  position,
  progress: { next: position.next, carry: position.carry, earlier: [] },
  behind: null,
  sinceMs: run.port.now(),
});

/** One iteration, and the click that is due behind it. */
async function turn(loop: LoopRun, before: Course): Promise<Course> {
  const { progress } = before;
  const startedMs = loop.run.port.now();
  const [iteration, earlier] = await both(runIteration(loop, before.position, progress), before.behind);
  if (earlier === 'lost') return rewound(loop, before);
  const course =
    earlier === null ? before : { ...before, position: earlier.position, behind: null, sinceMs: startedMs };
  if (iteration === 'lost') return rewound(loop, course);
  // Not with what this worker holds: it was made from what this run had there.
  if (earlier?.isOther === true) return from(loop, committing(earlier.position));
  if (!isClick(loop, progress.next, iteration)) return { ...course, progress: onwards(progress, iteration) };
  const isBehind = isStoredBehind(loop, course.position, progress.next, iteration);
  const click = storeClick(loop, course.position, { progress, iteration, isBehind });
  if (isBehind) {
    click.catch(() => undefined); // told when the next iteration has ended
    return { ...course, behind: click, progress: { next: progress.next + 1, carry: iteration.carry, earlier: [] } };
  }
  const stored = await click;
  if (stored === 'lost') return rewound(loop, course);
  await continueWhereLong(loop, stored.position);
  return from(loop, stored.position);
}

/** Both, when both have ended. Throws what the iteration has failed with, else what the click has. */
async function both<A>(iteration: Promise<A>, click: Course['behind']): Promise<[A, Click | 'lost' | null]> {
  if (click !== null) await Promise.allSettled([iteration, click]);
  return [await iteration, await click];
}

/** Back to the last click: what came behind it is lost. */
async function rewound(loop: LoopRun, { position, progress, sinceMs }: Course): Promise<Course> {
  const { run, input } = loop;
  run.state.failures = [];
  checkRewinds(position, maxRewinds);
  const recomputed = (run.port.now() - sinceMs) / 1000;
  note(run.state, { lost: addLost({}, 'volatile_lost', { recomputed }) });
  const course = from(loop, await rewind(loop, position));
  const at = { reached: progress.next, next: course.progress.next };
  run.port.log('warning', `what ${input.path} had since its last click is lost`, at);
  return course;
}

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

/** Not the last one, nor where the history is so long that the loop continues as new behind it. */
function isStoredBehind(loop: LoopRun, position: LoopPositionState, index: number, { ended }: Iteration): boolean {
  const { run, node, input } = loop;
  if (node.behind !== true || ended || index + 1 >= input.max) return false;
  return isVolatile(loop, position) && !run.port.shouldContinueAsNew();
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

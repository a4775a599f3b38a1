// Runs the nodes of one level: each as soon as all it depends on has ended, in parallel. After a failure running siblings
// finish, what depends on it does not start, and independent branches go on.
import { childPath } from '../schemas/ids.js';
import type { Level, Outcome, Outcomes } from './level.js';
import { holds, missingFor, missingIn, valueOf } from './scope.js';
import type { StepValue } from './scope.js';
import { runGate } from './run-gate.js';
import { runLoop } from './run-loop.js';
import { runMatrix } from './run-matrix.js';
import { runStep } from './run-step.js';
import { update } from './state.js';
import { attemptsOf, failure, isOfClass, readFailures } from './failure.js';
import type { Node } from '../schemas/generated/plan.js';

/**
 * How every node of the level ended. Never rejects but by continue-as-new; values enter the level's scope as they come.
 * Counts what each node still waits for, rather than awaiting it: every promise costs in the sandbox, which notes where it
 * was made.
 */
export async function runLevel(level: Level): Promise<Outcomes> {
  const names = Object.keys(level.nodes);
  // A name of an enclosing level is no dependency: it has ended before this level began.
  const depsOf = (name: string): string[] => level.nodes[name]?.deps.filter((dep) => dep in level.nodes) ?? [];
  const missing = new Map(names.map((name) => [name, depsOf(name).length]));
  const dependents = dependentsOf(names, depsOf);
  const outcomes: Outcomes = {};
  await new Promise<void>((resolve, reject) => {
    let open = names.length;
    const ended = (name: string, outcome: Outcome): void => {
      outcomes[name] = outcome;
      open -= 1;
      if (open === 0) resolve();
      for (const next of dependents.get(name) ?? []) {
        const left = (missing.get(next) ?? 0) - 1;
        missing.set(next, left);
        if (left === 0) begin(next);
      }
    };
    const begin = (name: string): void => {
      const obstacle = obstacleAmong(depsOf(name).map((dep) => ({ name: dep, outcome: outcomes[dep] })));
      endOfNode(level, name, obstacle).then((outcome) => ended(name, outcome), reject);
    };
    for (const name of names) if (missing.get(name) === 0) begin(name);
  });
  return Object.fromEntries(names.map((name) => [name, outcomes[name] ?? { status: 'left' }]));
}

/** Who waits for whom, in the order of the plan. Pure. */
function dependentsOf(names: string[], depsOf: (name: string) => string[]): Map<string, string[]> {
  const dependents = new Map<string, string[]>();
  for (const name of names) {
    for (const dep of depsOf(name)) dependents.set(dep, [...(dependents.get(dep) ?? []), name]);
  }
  return dependents;
}

async function endOfNode(level: Level, name: string, obstacle: Outcome | null): Promise<Outcome> {
  const node = level.nodes[name];
  if (node === undefined) throw failure('internal', `Internal error: the level has no node ${name}`);
  const outcome = obstacle ?? (await runNode(level, name, node));
  settle(level, name, outcome);
  return outcome;
}

function obstacleAmong(deps: { name: string; outcome: Outcome | undefined }[]): Outcome | null {
  const failed = deps.find(({ outcome }) => outcome?.status === 'failed');
  if (failed !== undefined) return { status: 'blocked', by: failed.name };
  const blocked = deps.find(({ outcome }) => outcome?.status === 'blocked')?.outcome;
  if (blocked !== undefined) return blocked;
  if (deps.some(({ outcome }) => outcome?.status === 'cancelled')) return { status: 'cancelled' };
  if (deps.some(({ outcome }) => outcome?.status === 'left')) return { status: 'left' };
  return null;
}

async function runNode(level: Level, name: string, node: Node): Promise<Outcome> {
  const { run } = level;
  const path = childPath(level.prefix, name);
  const before = run.carried.failed[path];
  if (before !== undefined) return { status: 'failed', ...before };
  if (run.stop.isRequested()) return { status: 'cancelled' };
  try {
    const reason = skipReason(level, node);
    if (reason !== null) return skipped(level, node, reason);
    switch (node.node) {
      case 'step':
        return await runStep(level, path, node);
      case 'loop':
        return await runLoop(level, path, name, node);
      case 'gate':
        return await runGate(level, path, node);
      case 'matrix':
        return runMatrix(level, path, node);
    }
  } catch (error) {
    return failed(level, path, node, error);
  }
}

function skipReason(level: Level, node: Node): string | null {
  if (node.node === 'matrix') return null;
  const missing = missingIn(node.if, level.scope);
  if (missing !== null) return missing;
  if (node.if !== null && !holds(node.if, level.scope)) return `\`${node.if.$expr}\` does not hold`;
  return missingFor(node, level.scope);
}

function skipped(level: Level, node: Node, reason: string): Outcome {
  const otherwise = node.node === 'gate' ? null : node.else;
  if (otherwise === null || missingIn(otherwise, level.scope) !== null)
    return { status: 'skipped', reason, outputs: null };
  const outputs = Object.entries(otherwise).map(([output, value]) => [output, valueOf(value, level.scope)] as const);
  return { status: 'skipped', reason, outputs: Object.fromEntries(outputs) };
}

function failed(level: Level, path: string, node: Node, error: unknown): Outcome {
  const { failures, failFast: inherited } = readFailures(error, path);
  update(level.run.state, path, { attempts: attemptsOf(error) });
  // What a worker has lost since the last click is no failure of the step: its loop goes back.
  const isStepsOwn = node.node === 'step' && node.failFast && !isOfClass(error, ['volatile_lost']);
  const failFast = inherited || isStepsOwn;
  // Said here and not when all has ended: siblings are still running.
  if (failFast) level.run.stop.request(`stopped because \`${path}\` failed`);
  return { status: 'failed', failures, failFast };
}

/** What `else` supplies: for a fanned-out step the outputs of its best cell. */
function suppliedBy(node: Node | undefined, outputs: StepValue['outputs']): StepValue {
  const values: StepValue = { outputs, metrics: {} };
  return node?.node === 'matrix' ? { outputs: {}, metrics: {}, best: values } : values;
}

function settle(level: Level, name: string, outcome: Outcome): void {
  const { scope, run } = level;
  const path = childPath(level.prefix, name);
  const { state, port } = run;
  switch (outcome.status) {
    case 'done':
      scope.steps[name] = outcome.value;
      break;
    case 'skipped':
      scope.skipped[name] = outcome.reason;
      if (outcome.outputs !== null) scope.steps[name] = suppliedBy(level.nodes[name], outcome.outputs);
      update(state, path, { state: 'skipped', reason: outcome.reason, endedAt: port.now() });
      break;
    case 'failed': {
      const [first] = outcome.failures;
      state.failures = [...state.failures, ...outcome.failures];
      update(state, path, {
        state: 'failed',
        reason: first?.message ?? null,
        failure: first ?? null,
        endedAt: port.now(),
      });
      break;
    }
    case 'blocked':
      update(state, path, {
        state: 'skipped',
        reason: `not started because \`${outcome.by}\` failed`,
        endedAt: port.now(),
      });
      break;
    case 'cancelled':
      update(state, path, { state: 'cancelled', reason: run.stop.reason, endedAt: port.now() });
      break;
    case 'left':
      update(state, path, { state: 'pending', reason: null });
  }
}

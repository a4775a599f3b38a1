// One step: inputs -> `resolve` -> cached, held on a timer, or its activity. Seven events of history where nothing is amiss:
// the marker of `resolve`, three of the activity, three of the workflow task.
import type { InputValue, ResolveOutput, StepCall, StepOutcome } from '../activities/calls.js';
import type { PlanKind, StepNode } from '../schemas/generated/plan.js';
import { failure, isCancelled, isOfClass } from './failure.js';
import type { Level, Outcome, Run } from './level.js';
import { renewLease, runsOnTrainer, scheduleOf } from './placement.js';
import { inputsOf } from './scope.js';
import { update } from './state.js';
import { createStop } from './stop.js';

/** A step with all that its calls are made of. */
interface Task {
  level: Level;
  path: string;
  node: StepNode;
  kind: PlanKind;
  inputs: Record<string, InputValue>;
}

type Runnable = Exclude<ResolveOutput, { state: 'held' | 'cached' }>;

/** Runs a step whose dependencies have ended. Throws what its activity fails with; cancelled and left are outcomes. */
export async function runStep(level: Level, path: string, node: StepNode): Promise<Outcome> {
  const { run } = level;
  const kind = node.declaration ?? run.plan.kinds[node.uses];
  if (kind === undefined) throw failure('worker_outdated', `the plan does not say what \`${node.uses}\` is`);
  const inputs = inputsOf(node.with, level.scope, (input) => kind.inputs[input]?.artifact != null);
  const task: Task = { level, path, node, kind, inputs };
  for (;;) {
    const obstacle = await mayStart(run, path);
    if (obstacle !== null) return obstacle;
    const resolved = await resolve(task);
    if (resolved.state === 'cached') return finish(task, 'cached', resolved, resolved.outcome);
    if (resolved.state === 'held') {
      await waitForHolder(run, path, resolved);
      continue;
    }
    const outcome = await attempt(task, resolved);
    if (outcome !== 'paused') return outcome;
  }
}

/** Waits while the run is paused; then null, or how the step ends without starting. */
async function mayStart(run: Run, path: string): Promise<Outcome | null> {
  const { state, stop, port } = run;
  if (state.paused !== null && !stop.isRequested()) {
    update(state, path, { state: 'waiting', reason: 'the run is paused', startedAt: null });
    await port.condition(() => state.paused === null || stop.isRequested());
  }
  if (stop.isRequested()) return { status: 'cancelled' };
  return run.draining() ? { status: 'left' } : null;
}

const resolve = ({ level, path, node, kind, inputs }: Task): Promise<ResolveOutput> =>
  level.run.port.runLocal('resolve', {
    run: level.run.info,
    path,
    uses: node.uses,
    kind,
    inputs,
    runSeed: level.run.plan.seed,
    indices: level.indices,
    cache: node.cache,
  });

async function waitForHolder(run: Run, path: string, held: Extract<ResolveOutput, { state: 'held' }>): Promise<void> {
  update(run.state, path, { state: 'waiting', reason: held.reason, key: held.key });
  const timer = { timeoutMs: Math.max(1, held.retryAfterMs), summary: `${path}: ${held.reason}` };
  await run.port.condition(() => run.stop.isRequested(), timer);
}

async function attempt(task: Task, resolved: Runnable): Promise<Outcome | 'paused'> {
  const { level, path, node } = task;
  const { run } = level;
  const schedule = scheduleOf(run.plan, node, run.placement, level.lease);
  const stop = createStop(run.stop);
  run.state.running.set(path, stop);
  // A pause with `now` may have come while `resolve` ran.
  if (run.state.paused?.now === true) stop.request('paused');
  const { reason, key, checkpointStep: resumedFrom } = resolved;
  update(run.state, path, { state: 'running', reason, key, resumedFrom, startedAt: run.port.now() });
  try {
    const outcome = await run.port.runStep(callOf(task, resolved), schedule, stop);
    if (runsOnTrainer(run.plan, node)) renewLease(level.lease, schedule, outcome.hostQueue);
    return finish(task, 'done', resolved, outcome);
  } catch (error) {
    // Asked to stop, a step may also end as preempted, or be lost with its worker: what it kept stays.
    if (!isCancelled(error) && !(stop.isRequested() && isOfClass(error, ['preempted', 'cancelled', 'worker_lost'])))
      throw error;
    if (run.stop.isRequested()) return { status: 'cancelled' };
    if (stop.isRequested()) return 'paused';
    throw failure('cancelled', 'the step was cancelled from outside the run');
  } finally {
    run.state.running.delete(path);
    stop.detach();
  }
}

const callOf = ({ level, path, node, kind, inputs }: Task, resolved: Runnable): StepCall => ({
  run: level.run.info,
  path,
  uses: node.uses,
  version: kind.version,
  key: resolved.key,
  checkpointKey: resolved.checkpointKey,
  inputs,
  seed: resolved.seed,
  outputs: kind.outputs,
  checkpoint: node.checkpoint,
  retry: node.retry,
  ...(node.declaration === undefined ? {} : { declaration: node.declaration }),
});

function finish(
  { level: { run }, path }: Task,
  state: 'done' | 'cached',
  { key, reason }: Pick<Runnable, 'key' | 'reason'>,
  outcome: StepOutcome,
): Outcome {
  const { seconds, attempts, resumedFrom, metrics, outputs } = outcome;
  run.counts[state === 'done' ? 'ran' : 'cached'] += 1;
  const before = run.carried.done[path];
  const view = before?.key === key ? before : { state, reason, key, seconds, attempts, resumedFrom, metrics };
  update(run.state, path, { ...view, endedAt: before?.endedAt ?? run.port.now() });
  return { status: 'done', value: { outputs, metrics }, key };
}

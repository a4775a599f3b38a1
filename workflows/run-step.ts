// One step: inputs -> `resolve` -> cached, held on a timer, or its activity. Seven events of history where nothing is amiss:
// the marker of `resolve`, three of the activity, three of the workflow task. Where an input was made for the first time a
// moment ago there is nothing to look up, and the step goes to its activity at once: one workflow task less.
import type {
  ArtifactRef,
  FreshStepCall,
  InputValue,
  ResolveOutput,
  StepCall,
  StepOutcome,
} from '../activities/calls.js';
import type { StepNode } from '../schemas/generated/plan.js';
import { addLost, waits } from '../schemas/lost-time.js';
import { failure, isCancelled, isOfClass, ledgerOf } from './failure.js';
import type { Level, Outcome, Run } from './level.js';
import { renewLease, runsOnTrainer, scheduleOf } from './placement.js';
import { runShards, runsAsShards, type Shards, type Task } from './run-shards.js';
import { inputsOf } from './scope.js';
import { addWarnings, note, update } from './state.js';
import { createStop } from './stop.js';

type Runnable = Exclude<ResolveOutput, { state: 'held' | 'cached' }>;

/** What is known of a step before its activity starts; without keys where nothing was looked up. */
type Start = Pick<Runnable, 'state' | 'reason' | 'checkpointStep'> &
  Partial<Pick<Runnable, 'key' | 'checkpointKey' | 'seed'>>;

/** Runs a step whose dependencies have ended. Throws what its activity fails with; cancelled and left are outcomes. */
export async function runStep(level: Level, path: string, node: StepNode): Promise<Outcome> {
  const { run } = level;
  const kind = node.declaration ?? run.plan.kinds[node.uses];
  if (kind === undefined) throw failure('worker_outdated', `the plan does not say what \`${node.uses}\` is`);
  const inputs = inputsOf(node.with, level.scope, (input) => kind.inputs[input]?.artifact != null);
  return runTask({ level, path, node, kind, inputs });
}

/** Runs a step or one of its shards until it has ended, or the run stops. */
async function runTask(task: Task): Promise<Outcome> {
  const { level, path } = task;
  const { run } = level;
  let isFresh = hasFreshInput(task);
  let shards: Ended | null = null;
  for (;;) {
    if (run.state.paused !== null) await waitWhilePaused(run, path);
    if (run.stop.isRequested()) return { status: 'cancelled' };
    if (run.draining()) return { status: 'left' };
    const resolved = isFresh ? fresh : await resolve(task);
    isFresh = false; // from the first attempt on there may be a checkpoint
    if (resolved.state === 'cached') return finish(task, 'cached', resolved, resolved.outcome);
    if (resolved.state === 'held') {
      await waitForHolder(run, path, resolved);
      continue;
    }
    if (shards === null && runsAsShards(task)) {
      const ended = await runShards(task, runTask);
      if (ended.status !== 'done') return ended;
      shards = ended;
      continue; // by now the run may be paused, or somebody have made the whole
    }
    const resumes = shards === null || task.node.shards?.resumes === true;
    const outcome = await attempt(task, resumes ? resolved : withoutCheckpoint(resolved), shards);
    if (outcome !== 'paused') return outcome;
  }
}

const fresh: Start = { state: 'run', reason: 'an input of it is new', checkpointStep: null };

/** What is only put together from shards goes on from no checkpoint, though a run without shards may have left one. Pure. */
const withoutCheckpoint = (start: Start): Start =>
  start.checkpointStep === null ? start : { ...start, reason: 'its shards are done', checkpointStep: null };

/** Shards that have ended, for the step that puts them together. */
type Ended = Extract<Shards, { status: 'done' }>;

/**
 * Whether an input was made for the first time in this execution: then no result, checkpoint or claim can stand under the
 * step's key, which is made of its inputs' keys. (Where one does after all, the activity finds it.) A kind with an environment
 * is keyed where `resolve` runs. Pure.
 */
function hasFreshInput({ level, kind, inputs }: Task): boolean {
  const { fresh } = level.run;
  if (fresh === null || kind.environment.length > 0) return false;
  return Object.values(inputs).some((value) => isArtifact(value) && fresh.has(value.$artifact.key));
}

const isArtifact = (value: InputValue): value is ArtifactRef =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, '$artifact');

async function waitWhilePaused({ state, stop, port }: Run, path: string): Promise<void> {
  if (stop.isRequested()) return;
  update(state, path, { state: 'waiting', reason: 'the run is paused', startedAt: null });
  await port.condition(() => state.paused === null || stop.isRequested());
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
    ...againOf(node),
  });

const againOf = ({ again }: StepNode): { again?: string } => (again === undefined ? {} : { again });

async function waitForHolder(run: Run, path: string, held: Extract<ResolveOutput, { state: 'held' }>): Promise<void> {
  update(run.state, path, { state: 'waiting', reason: held.reason, key: held.key });
  const timer = { timeoutMs: Math.max(1, held.retryAfterMs), summary: `${path}: ${held.reason}` };
  const sinceMs = run.port.now();
  await run.port.condition(() => run.stop.isRequested(), timer);
  note(run.state, { lost: addLost({}, waits.claim, { waiting: (run.port.now() - sinceMs) / 1000 }) });
}

async function attempt(task: Task, start: Start, shards: Ended | null): Promise<Outcome | 'paused'> {
  const { level, path, node } = task;
  const { run } = level;
  const schedule = scheduleOf(run.plan, node, run.placement, level.lease);
  const stop = createStop(run.stop);
  run.state.running.set(path, stop);
  // A pause with `now` may have come while `resolve` ran.
  if (run.state.paused?.now === true) stop.request('paused');
  const { reason, key = null, checkpointStep: resumedFrom } = start;
  const startedAt = shards?.startedAt ?? run.port.now();
  update(run.state, path, { state: 'running', reason, key, resumedFrom, startedAt });
  try {
    const call = { ...callOf(task, start), ...(shards === null ? {} : { shards: shards.made }) };
    const outcome = await run.port.runStep(call, schedule, stop);
    if (outcome.host !== undefined || runsOnTrainer(run.plan, node)) renewLease(level.lease, schedule, outcome);
    return made(task, start, outcome);
  } catch (error) {
    note(run.state, ledgerOf(error));
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

function made(task: Task, { state, key = '', reason }: Start, outcome: StepOutcome): Outcome {
  const own = outcome.key ?? key;
  const found = outcome.found === true;
  // After a pruned result, or at a checkpoint, what reads it may have been made before.
  if (state === 'run' && !found) task.level.run.fresh?.add(own);
  return finish(task, found ? 'cached' : 'done', { key: own, reason }, outcome);
}

function callOf({ level, path, node, kind, inputs }: Task, start: Start): StepCall | FreshStepCall {
  const { info, plan } = level.run;
  const common = {
    run: info,
    path,
    uses: node.uses,
    version: kind.version,
    inputs,
    outputs: kind.outputs,
    checkpoint: node.checkpoint,
    retry: node.retry,
    ...(node.declaration === undefined ? {} : { declaration: node.declaration }),
    ...(level.volatile === undefined ? {} : { volatile: level.volatile }),
    ...againOf(node),
  };
  const { key, checkpointKey, seed } = start;
  if (key !== undefined && checkpointKey !== undefined && seed !== undefined)
    return { ...common, key, checkpointKey, seed };
  return {
    ...common,
    key: null,
    derive: { kind, runSeed: plan.seed, indices: level.indices, cache: node.cache, ...againOf(node) },
  };
}

function finish(
  { level: { run }, path }: Task,
  state: 'done' | 'cached',
  { key, reason }: Pick<Runnable, 'key' | 'reason'>,
  outcome: StepOutcome,
): Outcome {
  const { seconds, attempts, resumedFrom, metrics, outputs, warnings = [] } = outcome;
  run.counts[state === 'done' ? 'ran' : 'cached'] += 1;
  const before = run.carried.done[path];
  // What an earlier execution of the chain took from the cache is in its ledger.
  note(run.state, { lost: outcome.lost ?? {}, saved: before === undefined ? (outcome.saved ?? 0) : 0 });
  if (before?.key !== key)
    addWarnings(
      run.state,
      warnings.map((warning) => `${path}: ${warning}`),
    );
  const view = before?.key === key ? before : { state, reason, key, seconds, attempts, resumedFrom, metrics };
  update(run.state, path, { ...view, endedAt: before?.endedAt ?? run.port.now() });
  return { status: 'done', value: { outputs, metrics }, key };
}

// Runs any pipeline: the root workflow, and by the shape of its input the workflow of a loop. Talks to the world through
// the port only.
import type { RunInfo, RunInput } from '../activities/calls.js';
import type { Plan } from '../schemas/generated/plan.js';
import { isShard, shardedStep } from '../schemas/ids.js';
import { filledLedger } from '../schemas/lost-time.js';
import { serveControl } from './control.js';
import { runLevel } from './dag.js';
import { detailsOf } from './details.js';
import { failure, failureOfAll, isCancelled, isContinueAsNew, readFailures, throwable } from './failure.js';
import { endOf } from './level-end.js';
import type { Carried, Level, Outcomes, Run } from './level.js';
import { iterate } from './loop.js';
import { isLoopInput } from './loop-input.js';
import type { LoopInput, LoopOutput } from './loop-input.js';
import { loopAt } from './loop-at.js';
import { endMessage, endOccasion, isTold, tell } from './notify.js';
import { OutdatedWorker, checkFeatures, checkVersion, outdatedOr } from './outdated.js';
import type { Port } from './port.js';
import { recordOf } from './record.js';
import type { RunResult } from './record.js';
import { missingIn, rootScope, valueOf } from './scope.js';
import type { Scope } from './scope.js';
import { beginState, note, showLevel, warningsOf } from './state.js';
import type { RunState } from './state.js';
import { createStop } from './stop.js';

/** The root's input, with what an earlier execution of the chain left. */
export type RootInput = RunInput & { carried?: Carried };

/** Runs the workflow of a pipeline or of a loop. Throws ApplicationFailure or CancelledFailure only. */
export async function runWorkflow(port: Port, input: RootInput | LoopInput): Promise<RunResult | LoopOutput> {
  const { workflowId, runId, startedAt } = port.execution();
  const pipeline = isLoopInput(input)
    ? input.run.pipeline
    : (input.plan?.name ?? workflowId.split('/')[0] ?? workflowId);
  const planHash = isLoopInput(input) ? input.run.planHash : input.planHash;
  const state = beginState({ workflowId, runId, pipeline, planHash }, startedAt);
  try {
    const result = isLoopInput(input) ? await runLoopWorkflow(port, state, input) : await runRoot(port, state, input);
    closeState(port, state, 'done');
    return result;
  } catch (error) {
    if (error instanceof OutdatedWorker) throw error;
    const thrown = throwable(error, isLoopInput(input) ? input.path : 'run');
    if (isCancelled(thrown)) closeState(port, state, 'cancelled');
    else if (!isContinueAsNew(thrown)) {
      const { failures } = readFailures(thrown, isLoopInput(input) ? input.path : 'run');
      if (state.failures.length === 0) state.failures = failures;
      closeState(port, state, 'failed');
    }
    throw isLoopInput(input) ? withLedger(thrown, state, input.path) : thrown;
  }
}

/** What fails a loop tells the level around it what the loop has lost; a cancelled or continued one stays as it is. */
function withLedger(thrown: unknown, { ledger }: RunState, path: string): unknown {
  if (isCancelled(thrown) || isContinueAsNew(thrown)) return thrown;
  const { failures, failFast } = readFailures(thrown, path);
  return failureOfAll(failures, failFast, filledLedger(ledger));
}

/** What the status says after the end; the first to close knows best. */
function closeState(port: Port, state: RunState, ended: RunState['state']): void {
  if (state.state !== 'running') return;
  state.state = ended;
  state.endedAt = port.now();
  state.redraw();
}

async function runLoopWorkflow(port: Port, state: RunState, input: LoopInput): Promise<LoopOutput> {
  state.startedAt = input.position?.startedAt ?? state.startedAt;
  state.paused = input.paused;
  note(state, input.ledger ?? {});
  state.warnings.push(...(input.warnings ?? []));
  // Nothing is left half done in a loop: it continues as new at clicks only.
  const begin = beginRun(port, state, { info: input.run, placement: input.placement, drains: false });
  const plan = await loadPlan(port, input.run);
  const node = loopAt(plan, input.path);
  if (node === null) throw failure('internal', `Internal error: the plan has no loop at ${input.path}`);
  const { searchAttributes, freshSteps = false, volatile = false, shards = false } = input;
  const run: Run = { ...begin, plan, searchAttributes, volatile, shards, fresh: freshSteps ? new Set() : null };
  return iterate(run, node, input);
}

async function runRoot(port: Port, state: RunState, input: RootInput): Promise<RunResult> {
  const { workflowId, firstRunId } = port.execution();
  const { pipeline, planHash } = state.about;
  const info: RunInfo = { workflowId, runId: firstRunId, planHash, storeId: input.storeId, pipeline };
  checkFeatures(input.features);
  const begin = beginRun(port, state, { info, placement: input.placement, drains: true, ...carriedOf(input) });
  const plan = input.plan ?? (await loadPlan(port, info));
  checkVersion(plan);
  info.pipeline = state.about.pipeline = plan.name;
  const { searchAttributes, freshSteps = false, volatile = false, shards = false } = input.features;
  const run: Run = { ...begin, plan, searchAttributes, volatile, shards, fresh: freshSteps ? new Set() : null };
  if (input.carried === undefined) announce(run, input);
  const scope = rootScope(plan.params);
  const level: Level = { run, nodes: plan.steps, prefix: '', indices: [], scope, lease: { queue: null, shared: null } };
  showLevel(state, plan.steps, '', null);
  if (input.carried === undefined) await writeRecord(run, input, { outputs: {}, metrics: {} }, false);
  const outcomes = await runLevel(level);
  return end(run, input, scope, outcomes);
}

const carriedOf = ({ carried }: RootInput): { carried?: Carried } => (carried === undefined ? {} : { carried });

/** Everything but the plan: control is served before the first wait, so that no query comes too early. */
function beginRun(
  port: Port,
  state: RunState,
  given: Pick<Run, 'info' | 'placement'> & { drains: boolean; carried?: Carried },
): Omit<Run, 'plan' | 'searchAttributes' | 'fresh' | 'volatile' | 'shards'> {
  const stop = createStop();
  const counts = { ran: 0, cached: 0 };
  let isCancelRequested = false;
  const carried = given.carried ?? {
    startedAt: state.startedAt,
    paused: state.paused,
    approvals: {},
    done: {},
    failed: {},
  };
  state.startedAt = carried.startedAt;
  state.paused = carried.paused;
  state.approvals = new Map(Object.entries(carried.approvals));
  note(state, carried.ledger ?? {});
  state.warnings.push(...(carried.warnings ?? []));
  state.redraw = () => port.show(detailsOf(state));
  serveControl(port, state);
  port.onCancel(() => {
    isCancelRequested = true;
    stop.request('the run was cancelled');
  });
  // A long history of cached steps alone is no reason: the next execution would have the same.
  const draining = (): boolean => given.drains && counts.ran * 3 > counts.cached && port.shouldContinueAsNew();
  return {
    port,
    state,
    info: given.info,
    placement: given.placement,
    stop,
    counts,
    carried,
    draining,
    cancelled: () => isCancelRequested,
  };
}

async function loadPlan(port: Port, info: RunInfo): Promise<Plan> {
  const loading = port.runLocal('loadPlan', { run: info, planHash: info.planHash });
  const plan = await loading.catch((error: unknown) => {
    throw outdatedOr(error);
  });
  checkVersion(plan);
  return plan;
}

function announce(run: Run, input: RunInput): void {
  if (!run.searchAttributes) return;
  run.port.setAttributes({
    pipeline: run.plan.name,
    ...(input.gitCommit === null ? {} : { gitSha: input.gitCommit }),
  });
}

async function end(run: Run, input: RootInput, scope: Scope, outcomes: Outcomes): Promise<RunResult> {
  const { state, port } = run;
  const ended = endOf(run, outcomes);
  if (ended.status === 'left')
    return port.continueAsNew({ ...input, carried: carry(run, outcomes) } satisfies RootInput);
  const nothing: RunResult = { outputs: {}, metrics: {} };
  if (ended.status === 'cancelled') {
    await close(run, input, 'cancelled', nothing);
    throw ended.error;
  }
  if (ended.status === 'failed') return fail(run, input, ended);
  let result = nothing;
  try {
    result = resultOf(run.plan, scope);
  } catch (error) {
    state.failures = readFailures(error, 'outputs').failures;
    return fail(run, input, { failures: state.failures, failFast: false });
  }
  await close(run, input, 'done', result);
  return result;
}

async function fail(
  run: Run,
  input: RootInput,
  { failures, failFast }: Pick<Carried['failed'][string], 'failures' | 'failFast'>,
): Promise<never> {
  const isGate = failures.every((one) => one.class === 'gate');
  await close(run, input, isGate ? 'gate_failed' : 'failed', { outputs: {}, metrics: {} });
  throw failureOfAll(failures, failFast);
}

async function close(run: Run, input: RootInput, ended: RunState['state'], result: RunResult): Promise<void> {
  closeState(run.port, run.state, ended);
  const occasion = endOccasion(ended);
  // Guarded here: a run without `notify` makes no step more than before it was known.
  if (occasion !== null && isTold(run, occasion)) {
    const message = endMessage(run.state, occasion, result.metrics);
    await tell(run, { state: occasion, message, path: null }, input.mlflow);
  }
  await writeRecord(run, input, result, true);
}

/** The record is a report: a run does not fail because it could not be written, but says so. */
async function writeRecord(run: Run, input: RootInput, result: RunResult, final: boolean): Promise<void> {
  try {
    await run.port.runLocal('recordRun', { record: recordOf(run, input, result), final });
  } catch (error) {
    if (isCancelled(error) || isContinueAsNew(error)) throw error;
    run.port.log('warning', 'the run record was not written', {
      cause: error instanceof Error ? error.message : String(error),
    });
  }
}

/** What reads a step that was skipped without `else` is null. */
function resultOf(plan: Plan, scope: Scope): RunResult {
  const valuesOf = (values: Plan['outputs']): [string, ReturnType<typeof valueOf>][] =>
    Object.entries(values).map(([name, value]) => [
      name,
      missingIn(value, scope) === null ? valueOf(value, scope) : null,
    ]);
  const metrics = valuesOf(plan.metrics).map(
    ([name, value]) => [name, typeof value === 'number' ? value : null] as const,
  );
  return { outputs: Object.fromEntries(valuesOf(plan.outputs)), metrics: Object.fromEntries(metrics) };
}

function carry({ state }: Run, outcomes: Outcomes): Carried {
  const { startedAt, paused, approvals } = state;
  const isDone = (path: string): boolean => ['done', 'cached'].includes(state.steps[path]?.state ?? '');
  // Shards are not looked at again once what they are of is there.
  const isPast = (path: string): boolean => isShard(path) && isDone(shardedStep(path));
  const done = Object.entries(state.steps).filter(([path]) => isDone(path) && !isPast(path));
  const failed = Object.entries(outcomes).flatMap(([name, outcome]) =>
    outcome.status === 'failed' ? [[name, { failures: outcome.failures, failFast: outcome.failFast }] as const] : [],
  );
  return {
    startedAt,
    paused,
    approvals: Object.fromEntries(approvals),
    done: Object.fromEntries(done),
    failed: Object.fromEntries(failed),
    ledger: filledLedger(state.ledger),
    ...warningsOf(state),
  };
}

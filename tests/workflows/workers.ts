// Real workers with fake activities, for the tests against a real server: the workflow queue with the local activities on
// a store in memory, and the shared trainer queue with that of its host.
import { Context } from '@temporalio/activity';
import { CancelledFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { CommitVolatileInput, FreshStepCall, StepCall, StepOutcome } from '../../activities/calls.js';
import { withKeys } from '../../activities/derivation.js';
import type { RootInput } from '../../workflows/interpreter.js';
import { planHash } from '../../schemas/identity.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { TestServer } from '../support/temporal-server.js';
import { inputFor, localOn, outcomeOf } from './rig.js';
import type { MemoryStore } from './rig.js';

export interface FakeStep {
  (call: StepCall, context: Context): Promise<StepOutcome>;
}

/** A step that is done at once. */
export const atOnce: FakeStep = async (call) => outcomeOf(call);

/** A step that heartbeats until it is cancelled, and then ends as cancelled. */
export const untilCancelled: FakeStep = async (_call, context) => {
  const beat = setInterval(() => context.heartbeat(), 200);
  try {
    await context.cancelled;
  } finally {
    clearInterval(beat);
  }
  throw new CancelledFailure('checkpointed');
};

/** The host `h`, which holds results between two clicks of a loop. */
export interface VolatileHost {
  commit: (input: CommitVolatileInput) => Promise<void>;
}

/** Runs `use` while workers poll `pawl` (workflows and local activities), `small` and its host's queue, and that of `volatile`. */
export async function withWorkers<Result>(
  server: TestServer,
  given: {
    bundle: WorkflowBundleWithSourceMap;
    store: MemoryStore;
    behave: FakeStep;
    hostQueue?: string;
    volatile?: VolatileHost;
  },
  use: () => Promise<Result>,
): Promise<Result> {
  const { bundle, store, behave } = given;
  const calls = async (asked: StepCall | FreshStepCall, hostQueue: string | null): Promise<StepOutcome> => {
    const call = withKeys(asked);
    const outcome = { ...(await behave(call, Context.current())), hostQueue };
    if (outcome.host === undefined) store.results.set(call.key, outcome);
    return outcome;
  };
  const local = { ...localOn(store) };
  const common = { connection: server.connection, namespace: 'default', identity: 'test' };
  const onWorker = { 'test.work': (call: StepCall | FreshStepCall) => calls(call, null), ...local };
  const train = (call: StepCall | FreshStepCall): Promise<StepOutcome> => calls(call, given.hostQueue ?? null);
  const onTrainer = { 'test.train': train, 'test.part': train };
  const timing = { maxHeartbeatThrottleInterval: 100, shutdownGraceTime: 0 };
  const workers = [
    await Worker.create({ ...common, ...timing, taskQueue: 'pawl', workflowBundle: bundle, activities: onWorker }),
    await Worker.create({ ...common, ...timing, taskQueue: 'small', activities: onTrainer }),
  ];
  if (given.volatile !== undefined) {
    const onHost = { 'test.work': onWorker['test.work'], commitVolatile: given.volatile.commit };
    workers.push(await Worker.create({ ...common, ...timing, taskQueue: 'pawl@h', activities: onHost }));
  }
  const [first, ...others] = workers;
  if (first === undefined) throw new Error('no worker');
  return others.reduce<() => Promise<Result>>(
    (inner, worker) => () => worker.runUntil(inner),
    () => first.runUntil(use),
  )();
}

/** Starts a run of a plan; its type is the pipeline's name, as the CLI starts it. */
export async function startRun(
  server: TestServer,
  store: MemoryStore,
  plan: Plan,
  workflowId: string,
  given: Partial<RootInput> = {},
) {
  store.plans.set(planHash(plan), plan);
  return server.client.workflow.start(plan.name, {
    workflowId,
    taskQueue: 'pawl',
    args: [inputFor(plan, given)],
  });
}

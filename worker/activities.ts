// Which activities each queue of a worker serves: the step kinds by where they run, under their names.
import { Context } from '@temporalio/activity';
import type { FreshStepCall, StepCall } from '../activities/calls.js';
import { fail } from '../activities/failure.js';
import type { Host, Slot } from '../activities/host.js';
import { StepFailure } from '../activities/kind.js';
import { leftAlone } from '../activities/pulse.js';
import { localActivities } from '../activities/local-activities.js';
import { commitVolatile } from '../activities/commit-volatile.js';
import { stepActivity, type StepActivity } from '../activities/run-step.js';
import { commandKind } from '../schemas/command.js';
import type { WorkerKinds } from './kinds.js';

type Implementations = WorkerKinds['implementations'];

/** Served by the queue of the workflows: local activities, and the kinds that need no trainer. */
export const workflowQueueActivities = (host: Host, implementations: Implementations): object => ({
  ...localActivities(host),
  ...stepActivities(host, implementations, 'worker', null),
});

/** Served by the queue of this host alone: steps between two clicks of a loop, and what a click keeps of them. */
export const hostActivities = (host: Host, implementations: Implementations): object => ({
  ...stepActivities(host, implementations, 'worker', null),
  commitVolatile: commitVolatile(host),
});

/** Served by the queues of a trainer slot. */
export const trainerActivities = (host: Host, implementations: Implementations, slot: Slot): object =>
  stepActivities(host, implementations, 'trainer', slot);

function stepActivities(
  host: Host,
  implementations: Implementations,
  runs: 'worker' | 'trainer',
  slot: Slot | null,
): Record<string, StepActivity> {
  const kinds = Object.entries(implementations).filter(
    // A command goes where its resources send it.
    ([kind]) => kind === commandKind || host.kinds[kind]?.runs === runs,
  );
  const activities = kinds.map(([kind, load]): [string, StepActivity] => [kind, stepActivity(host, slot, load)]);
  // Temporal calls `default` for any other name: said clearly, instead of a type that is not registered.
  return { ...Object.fromEntries(activities), default: unknownKind(kinds.map(([kind]) => kind)) };
}

/** Fails with worker_outdated: the pipeline uses a kind that this worker does not have. */
const unknownKind =
  (known: string[]): StepActivity =>
  (call) => {
    const context = Context.current();
    const { attempt: attempts, taskQueue } = context.info;
    context.heartbeat(leftAlone(context.info, Date.now));
    const message = `The worker of the queue ${taskQueue} has no step kind \`${call.uses}\`; it has ${known.sort().join(', ')}. Update the worker, or start one that has the kind.`;
    throw fail(new StepFailure('worker_outdated', message), factsOf(call, attempts));
  };

const factsOf = (call: StepCall | FreshStepCall, attempts: number): Parameters<typeof fail>[1] => ({
  path: call.path,
  retry: call.retry,
  attempts,
  progressed: false,
  lost: {},
});

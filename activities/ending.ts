// What an attempt ends with when it did not end well: a cancellation as such, a worker that shuts down, or a failure of a class.
import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { StepCall } from './calls.js';
import { fail } from './failure.js';
import type { Host } from './host.js';
import { StepFailure } from './kind.js';
import type { Pulse } from './pulse.js';
import type { Stopwatch } from './stopwatch.js';

export interface FailedAttempt {
  call: StepCall;
  host: Pick<Host, 'kinds' | 'workRoot'>;
  pulse: Pulse;
  watch: Stopwatch;
  context: Context;
  /** Whether it was stopped with a failure from beside the kind. */
  stopped: boolean;
}

/** What the activity throws for `error`; writes into the pulse what the next attempt learns of it. */
export function ending({ call, host, pulse, watch, context, stopped }: FailedAttempt, error: unknown): Error {
  const { attemptsWithoutProgress, checkpointStep, startedFrom } = pulse.details;
  const progressed = checkpointStep !== startedFrom;
  if (!stopped && context.cancellationSignal.aborted) {
    if (context.cancellationDetails?.workerShutdown !== true) return cancellation(context);
    // Not the step's fault: the attempt does not count.
    Object.assign(pulse.details, { attemptsWithoutProgress: attemptsWithoutProgress - 1, endedAs: 'preempted' });
    const where = checkpointStep === null ? '' : ` Its last checkpoint is of step ${checkpointStep}.`;
    return ApplicationFailure.create({
      // No failure class: a step whose `retry.for` leaves out `preempted` goes on, too.
      type: 'WorkerShutdown',
      message: `The worker is shutting down.${where}`,
      nextRetryDelay: 100,
      details: [{ path: call.path, attempts: attemptsWithoutProgress - 1 }],
    });
  }
  const { path, retry } = call;
  const failure = fail(error, {
    ...{ path, retry, attempts: attemptsWithoutProgress, progressed },
    ...{ lost: watch.lost(), folder: host.workRoot, memory: memoryInputs(call, host) },
  });
  pulse.details.endedAs = failure.type ?? null;
  // It is another worker's turn: the step has not been tried.
  if (failure.type === 'worker_outdated') pulse.details.attemptsWithoutProgress = attemptsWithoutProgress - 1;
  return failure;
}

/** The inputs of a step that its kind declares to take memory. Pure. */
function memoryInputs(call: StepCall, { kinds }: Pick<Host, 'kinds'>): Record<string, unknown> {
  const declared = Object.entries(kinds[call.uses]?.inputs ?? {});
  const names = declared.filter(([name, input]) => 'memory' in input && name in call.inputs);
  return Object.fromEntries(names.map(([name]) => [name, call.inputs[name]]));
}

/** Earlier attempts that died with their worker were not counted by anybody: they count now. */
export function refuseExhausted(call: StepCall, pulse: Pulse): void {
  const before = pulse.details.attemptsWithoutProgress - 1;
  if (before < call.retry.attempts) return;
  throw new StepFailure(
    'worker_lost',
    `${call.path} was tried ${before} times without a newer checkpoint, and its worker was lost each time. Is there enough memory? Raise \`retry.attempts\`, or checkpoint more often.`,
  );
}

/** The failure that the SDK gave, whatever was thrown instead: an AbortError would hide a pause or a reset. */
function cancellation(context: Context): Error {
  const { reason } = context.cancellationSignal as { reason: unknown };
  return reason instanceof CancelledFailure ? reason : new CancelledFailure('CANCELLED');
}

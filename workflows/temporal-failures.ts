// The SDK's failures as the interpreter's: ApplicationFailure with a failure class as type, or CancelledFailure.
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { isLostTime } from '../schemas/lost-time.js';
import type { LostTime } from '../schemas/lost-time.js';
import { failure } from './failure.js';

/** Whether an activity ended because no worker took it in time. Pure. */
export const isScheduleToStart = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof TimeoutFailure &&
  error.cause.timeoutType === 'SCHEDULE_TO_START';

/** What an activity or a child failed with, without the SDK's wrapping. Pure. */
export function unwrap(error: unknown): unknown {
  if (!(error instanceof ActivityFailure) && !(error instanceof ChildWorkflowFailure)) return error;
  const { cause } = error;
  if (cause instanceof ApplicationFailure || cause instanceof CancelledFailure) return cause;
  if (cause instanceof TimeoutFailure) return timeoutFailure(cause);
  if (cause instanceof TerminatedFailure)
    return failure('cancelled', 'the workflow was terminated from outside the run');
  return failure('internal', `Internal error: ${cause?.message ?? error.message}`);
}

/** With what the last heartbeat says was lost until then: nobody else can tell it any more. */
function timeoutFailure(timeout: TimeoutFailure): unknown {
  const details = { lost: lostUntil(timeout.lastHeartbeatDetails) };
  switch (timeout.timeoutType) {
    case 'HEARTBEAT':
      return failure('worker_lost', 'the worker that ran the step stopped answering', details);
    case 'START_TO_CLOSE':
      return failure('timeout', 'an attempt took longer than `timeout`', details);
    case 'SCHEDULE_TO_CLOSE':
      // The last failure before the deadline says more than the deadline.
      if (timeout.cause instanceof ApplicationFailure) return timeout.cause;
      return failure('timeout', 'the step took longer than its `deadline`, all attempts counted', details);
    default:
      return failure('worker_lost', 'no worker took the step in time: is one running for its queue?');
  }
}

function lostUntil(heartbeat: unknown): LostTime {
  const time = typeof heartbeat === 'object' && heartbeat !== null && 'time' in heartbeat ? heartbeat.time : null;
  const lost = typeof time === 'object' && time !== null && 'lost' in time ? time.lost : null;
  return isLostTime(lost) ? lost : {};
}

import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import type { TimeoutType } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { isScheduleToStart, unwrap } from '../../workflows/temporal-failures.js';

const activity = (cause: Error): ActivityFailure =>
  new ActivityFailure('failed', 'train.sft', 'sft', 'TIMEOUT', 'w', cause);
const timeout = (type: TimeoutType, cause?: Error): ActivityFailure =>
  activity(Object.assign(new TimeoutFailure('timed out', undefined, type), cause === undefined ? {} : { cause }));

describe('a failure of the SDK', () => {
  it('gives way to what the activity failed with', () => {
    const cause = ApplicationFailure.create({ type: 'oom', message: 'too big' });
    expect(unwrap(activity(cause))).toBe(cause);
    const cancelled = new CancelledFailure('stopped');
    expect(unwrap(activity(cancelled))).toBe(cancelled);
  });

  it.each([
    ['HEARTBEAT', 'worker_lost'],
    ['START_TO_CLOSE', 'timeout'],
    ['SCHEDULE_TO_CLOSE', 'timeout'],
    ['SCHEDULE_TO_START', 'worker_lost'],
  ] as const)('%s is the class %s', (type, expected) => {
    expect(unwrap(timeout(type))).toMatchObject({ type: expected });
  });

  it('at the deadline says what went wrong before it', () => {
    const before = ApplicationFailure.create({ type: 'comm', message: 'broken pipe' });
    expect(unwrap(timeout('SCHEDULE_TO_CLOSE', before))).toBe(before);
  });

  it('of a terminated loop says so', () => {
    const child = new ChildWorkflowFailure(
      'default',
      { workflowId: 'a/rl' },
      'a.rl',
      'NON_RETRYABLE_FAILURE',
      new TerminatedFailure('killed'),
    );
    expect(unwrap(child)).toMatchObject({
      type: 'cancelled',
      message: 'the workflow was terminated from outside the run',
    });
  });

  it('tells a queue without a taker from other time-outs', () => {
    expect([isScheduleToStart(timeout('SCHEDULE_TO_START')), isScheduleToStart(timeout('HEARTBEAT'))]).toEqual([
      true,
      false,
    ]);
  });
});

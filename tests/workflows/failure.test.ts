import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import {
  attemptsOf,
  failureOfAll,
  failureView,
  finalClasses,
  readFailures,
  throwable,
} from '../../workflows/failure.js';

describe('reading a failure', () => {
  it('keeps the class, and takes the hint of the activity, or else that of the table', () => {
    const error = ApplicationFailure.create({ type: 'oom', message: 'too big', details: [{ hint: 'x', attempts: 3 }] });
    const view = { path: 'sft', class: 'oom', message: 'too big' };
    expect(readFailures(error, 'sft').failures).toEqual([{ ...view, hint: 'x' }]);
    const bare = ApplicationFailure.create({ type: 'oom', message: 'too big' });
    expect(readFailures(bare, 'sft').failures).toEqual([
      { ...view, hint: expect.stringContaining('Memory ran out') as string },
    ]);
    expect(attemptsOf(error)).toBe(3);
  });

  it('takes anything else for a bug', () => {
    expect(readFailures(new TypeError('x of undefined'), 'a').failures[0]).toMatchObject({
      class: 'internal',
      message: 'Internal error: x of undefined',
    });
    expect(readFailures(ApplicationFailure.create({ type: 'Error', message: 'odd' }), 'a').failures[0]?.class).toBe(
      'internal',
    );
  });

  it('takes over the list of a loop', () => {
    const inner = failureOfAll([failureView('rl[3].update', 'comm', 'broken pipe')], true);
    expect(readFailures(inner, 'rl')).toMatchObject({
      failures: [{ path: 'rl[3].update', class: 'comm' }],
      failFast: true,
    });
  });
});

describe('the failure of a run', () => {
  it('has the type gate only when nothing but gates failed', () => {
    const gate = failureView('ok', 'gate', 'no');
    expect(failureOfAll([gate], false).type).toBe('gate');
    expect(failureOfAll([gate, failureView('a', 'data', 'no')], false).type).toBe('data');
  });

  it('is never a plain error, and never hides a cancellation', () => {
    expect(throwable(new Error('oops'), 'run')).toMatchObject({
      type: 'internal',
      message: 'run: Internal error: oops [internal]',
    });
    const cancelled = new CancelledFailure('stop');
    expect(throwable(cancelled, 'run')).toBe(cancelled);
  });
});

describe('classes that are not tried again', () => {
  it('are those of the table, or all that the pipeline does not name', () => {
    expect(finalClasses(null)).toEqual([
      'config',
      'data',
      'expression',
      'oom',
      'non_finite',
      'volatile_lost',
      'cancelled',
      'internal',
    ]);
    expect(finalClasses(['comm'])).toContain('preempted');
    expect(finalClasses(['comm'])).not.toContain('worker_outdated'); // another worker's turn: no attempt
    expect(finalClasses(['comm'])).not.toContain('comm');
  });
});

import { describe, expect, it } from 'vitest';
import { backoffMs, fail, mayRetry, toStepFailure } from '../../activities/failure.js';
import { StepFailure } from '../../activities/kind.js';
import { allFailureClasses, isRetryable } from '../../schemas/failures.js';
import { StoreError } from '../../store/errors.js';

const retry = { attempts: 3, backoffMs: 1_000, maxBackoffMs: 5_000, for: null };
const facts = { path: 'rl[3].update', retry, attempts: 1, progressed: false, lost: {} };

describe('fail', () => {
  it.each(allFailureClasses())('tries %s again only where the table says so', (failureClass) => {
    const failure = fail(new StepFailure(failureClass, 'x'), facts);
    expect(failure).toMatchObject({ type: failureClass, nonRetryable: !isRetryable(failureClass) });
  });

  it('gives the hint, the place, the attempts and the facts of the failure', () => {
    const failure = fail(new StepFailure('data', 'corpus.jsonl:3: no _id', { line: 3 }), facts);
    expect(failure.details).toEqual([
      {
        hint: expect.stringContaining('Mend the place') as string,
        path: 'rl[3].update',
        attempts: 1,
        lost: {},
        line: 3,
      },
    ]);
  });

  it('names the inputs that take memory when it ran out, with their values', () => {
    const { details } = fail(new StepFailure('oom', 'x'), { ...facts, memory: { micro_batch: 32, batch: 128 } });
    expect((details?.[0] as { hint: string }).hint).toBe(
      'Memory ran out. Lower `micro_batch` (now 32) or `batch` (now 128), or give the step a machine with more memory.',
    );
  });

  it('leaves the step to another worker, however often, when this one is too old', () => {
    const only = { ...retry, attempts: 1, for: ['comm' as const] };
    const failure = fail(new StepFailure('worker_outdated', 'x'), { ...facts, retry: only, attempts: 9 });
    expect(failure.nonRetryable).toBe(false);
  });

  it('does not count an attempt that progressed', () => {
    const failure = fail(new StepFailure('preempted', 'x'), { ...facts, attempts: 3, progressed: true });
    expect(failure).toMatchObject({ nonRetryable: false, nextRetryDelay: 1_000 });
  });

  it('keeps the class of an error of the store', () => {
    expect(fail(new StoreError('artifact_damaged', 'bytes are wrong'), facts).type).toBe('artifact_damaged');
  });

  it('calls anything else a bug, with its stack', () => {
    const failure = toStepFailure(new TypeError('x is undefined'));
    expect(failure).toMatchObject({ failureClass: 'internal', message: 'Internal error: x is undefined' });
    expect(failure.details['traceback']).toContain('failure.test');
  });

  it('cuts what the server would cut, in the middle', () => {
    const { message } = fail(new StepFailure('trainer_crash', `${'a'.repeat(9_000)}the end`), facts);
    expect(message.length).toBeLessThan(3_100);
    expect(message.endsWith('the end')).toBe(true);
  });
});

describe('retries', () => {
  it('follow `for` where the pipeline says it', () => {
    expect(mayRetry('oom', { ...retry, for: ['oom'] })).toBe(true);
    expect(mayRetry('comm', { ...retry, for: ['oom'] })).toBe(false);
    expect(mayRetry('cancelled', { ...retry, for: ['cancelled'] })).toBe(false);
  });

  it('wait twice as long after every attempt, up to a limit', () => {
    expect([1, 2, 3, 4, 5].map((attempts) => backoffMs(retry, attempts))).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  });
});

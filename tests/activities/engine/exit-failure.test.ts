import { describe, expect, it } from 'vitest';
import { classOfExit, failureOfExit } from '../../../activities/engine/exit-failure.js';

describe('the end of a trainer', () => {
  it.each([
    [{ code: 12, signal: null }, 'oom'],
    [{ code: 13, signal: null }, 'gpu_fault'],
    [{ code: 15, signal: null }, 'preempted'],
    [{ code: 143, signal: null }, 'preempted'],
    [{ code: null, signal: 'SIGTERM' }, 'preempted'],
    [{ code: null, signal: 'SIGKILL' }, 'trainer_crash'],
    [{ code: 137, signal: null }, 'trainer_crash'],
    [{ code: null, signal: 'SIGSEGV' }, 'trainer_crash'],
    [{ code: 0, signal: null }, 'trainer_crash'],
    [{ code: 99, signal: null }, 'trainer_crash'],
  ] as const)('by %o is %s', (end, failureClass) => {
    expect(classOfExit(end)).toBe(failureClass);
  });

  it('is told with what it was doing, its last lines and where the rest is', () => {
    const failure = failureOfExit(
      { code: null, signal: 'SIGSEGV' },
      { doing: 'running `sft`', stderr: 'Segmentation fault', log: 'logs/t.log' },
    );
    expect(failure.message).toBe(
      'The trainer process was ended by SIGSEGV while it was running `sft`.\nIts last lines (logs/t.log):\nSegmentation fault',
    );
  });
});

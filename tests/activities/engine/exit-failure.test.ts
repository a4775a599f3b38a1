import { describe, expect, it } from 'vitest';
import { failureOfExit, readExit, type ProcessEnd } from '../../../activities/engine/exit-failure.js';

const end = (change: Partial<ProcessEnd>): ProcessEnd => ({ code: null, signal: null, memoryKills: 0, ...change });

describe('the end of a trainer', () => {
  it.each([
    [end({ code: 12 }), '', 'oom'],
    [end({ code: 13 }), '', 'gpu_fault'],
    [end({ code: 15 }), '', 'preempted'],
    [end({ code: 143 }), '', 'preempted'],
    [end({ signal: 'SIGTERM' }), '', 'preempted'],
    [end({ signal: 'SIGKILL' }), '', 'trainer_crash'],
    [end({ code: 137 }), '', 'trainer_crash'],
    [end({ signal: 'SIGKILL', memoryKills: 1 }), '', 'oom'],
    [end({ code: 137, memoryKills: 1 }), '', 'oom'],
    [end({ code: 1, memoryKills: 2 }), 'one of the processes of torchrun', 'oom'],
    [end({ signal: 'SIGTERM', memoryKills: 1 }), '', 'preempted'],
    [end({ signal: 'SIGSEGV' }), '', 'trainer_crash'],
    [end({ signal: 'SIGXFSZ' }), '', 'store_unavailable'],
    [end({ code: 0 }), '', 'trainer_crash'],
    [end({ code: 99 }), '', 'trainer_crash'],
    [end({ code: 1 }), 'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.', 'oom'],
    [end({ signal: 'SIGABRT' }), 'NCCL watchdog thread terminated with exception', 'comm'],
    [end({ code: 16 }), 'CUDA error: an illegal memory access was encountered', 'non_finite'],
    [end({ code: 1 }), 'ValueError: x', 'trainer_crash'],
  ] as const)('by %o with last lines "%s" is %s', (how, lastLines, failureClass) => {
    expect(readExit(how, lastLines).failureClass).toBe(failureClass);
  });

  it('is told with what it was doing, its last lines and where the rest is', () => {
    const facts = { doing: 'running `sft`', stderr: 'Segmentation fault', log: 'logs/t.log' };
    expect(failureOfExit(end({ signal: 'SIGSEGV' }), facts).message).toBe(
      'The trainer process was ended by SIGSEGV while it was running `sft`.\nIts last lines (logs/t.log):\nSegmentation fault',
    );
  });

  it('names the signal that a shell hides in an exit code, and who may have sent it', () => {
    const { message } = failureOfExit(end({ code: 137 }), { doing: 'starting', stderr: '', log: 't.log' });
    expect(message).toContain('ended with exit code 137 (SIGKILL) while it was starting. Nobody asked for it here');
    const known = failureOfExit(end({ code: 137, memoryKills: 1 }), { doing: 'starting', stderr: '', log: 't.log' });
    expect(known.message).toContain('The kernel ended it because memory ran out.');
  });
});

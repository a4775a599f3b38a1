import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { classOfMessage } from '../../activities/failure-message.js';

/** As torch, CUDA, NCCL, gloo and the system write them; the tests of the trainer read the same file. */
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, '../fixtures/failure-messages.json'), 'utf8')) as {
  class: string | null;
  message: string;
}[];

describe('a message', () => {
  it.each(recorded.map((one) => [one.message.split('\n')[0]?.slice(0, 90), one] as const))('%s', (_, one) => {
    expect(classOfMessage(one.message)?.failureClass ?? null).toBe(one.class);
  });

  it('at the end of a log decides by what began it, not by what came last', () => {
    const log = [
      'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.',
      '[rank1]:[E] ProcessGroupNCCL.cpp:616: [Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=9)',
    ];
    expect(classOfMessage(log.join('\n'))?.failureClass).toBe('oom');
  });
});

import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { StepNode } from '../../schemas/generated/plan.js';
import { benchOf, failureOf, failWith, outcomeOf, planOf, step, takesASecond } from './rig.js';
import type { Bench } from './rig.js';

const retry: StepNode['retry'] = { attempts: 3, backoffMs: 1_000, maxBackoffMs: 3_000, for: null };
const times = ({ calls }: Bench): number[] => calls.map(({ at }) => at);

describe('a step activity in the same process', () => {
  it('waits twice as long with each attempt, up to the longest pause', async () => {
    const bench = benchOf(() => failWith('comm', 'broken', false));
    await failureOf(bench.run(planOf({ a: step({ retry: { ...retry, attempts: 4 } }) })));
    expect(times(bench)).toEqual([0, 1_000, 3_000, 6_000]);
  });

  it('is stopped when an attempt takes longer than its timeout, and tried again', async () => {
    const bench = benchOf(async (call, host) => {
      await host.sleep(host.attempt < 3 ? 60_000 : 5_000);
      return outcomeOf(call);
    });
    await bench.run(planOf({ a: step({ retry, timeoutMs: 10_000 }) }));
    expect(times(bench)).toEqual([0, 11_000, 23_000]);
  });

  it('fails as timeout when its deadline is over, all attempts counted', async () => {
    const bench = benchOf(async (call, host) => {
      await host.sleep(60_000);
      return outcomeOf(call);
    });
    const failed = await failureOf(bench.run(planOf({ a: step({ retry, timeoutMs: 10_000, deadlineMs: 15_000 }) })));
    expect(failed.type).toBe('timeout');
    expect(failed.message).toContain('`deadline`');
    expect(bench.world.clock.now()).toBe(15_000);
  });

  it('keeps its result when it ends in time', async () => {
    const bench = benchOf(takesASecond);
    await bench.run(planOf({ a: step({ timeoutMs: 2_000, deadlineMs: 2_000 }) }));
    expect(bench.world.clock.now()).toBe(1_000);
  });

  it('is tried again beyond `attempts` when it says itself that it may', async () => {
    const bench = benchOf((call, host) => {
      if (host.attempt === 5) return outcomeOf(call);
      throw ApplicationFailure.create({ type: 'preempted', details: [{ attempts: 1 }], nextRetryDelay: 500 });
    });
    await bench.run(planOf({ a: step({ retry: { ...retry, attempts: 1 } }) }));
    expect(times(bench)).toEqual([0, 500, 1_000, 1_500, 2_000]);
  });
});

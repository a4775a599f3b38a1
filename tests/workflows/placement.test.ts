import { describe, expect, it } from 'vitest';
import { renewLease, scheduleOf } from '../../workflows/placement.js';
import { placement, planOf, step } from './rig.js';

const plan = planOf({});
const small = step({ uses: 'test.train' });
const big = step({ uses: 'test.train', resources: { gpus: 4, labels: [] } });

describe('the lease of a slot', () => {
  it('holds for steps that would go to the same shared queue, and for no other', () => {
    const lease = { queue: null, shared: null };
    renewLease(lease, scheduleOf(plan, small, placement, lease), { hostQueue: 'host-1' });
    expect(scheduleOf(plan, small, placement, lease)).toMatchObject({
      queue: 'host-1',
      scheduleToStartMs: 5000,
      fallbackQueue: 'small',
    });
    expect(scheduleOf(plan, big, placement, lease)).toMatchObject({ queue: 'big', fallbackQueue: null });
    expect(scheduleOf(plan, step(), placement, lease)).toMatchObject({ queue: 'pawl', scheduleToStartMs: null });
  });

  it('moves to the host that took over', () => {
    const lease = { queue: 'host-1', shared: 'small' };
    renewLease(lease, scheduleOf(plan, small, placement, lease), { hostQueue: 'host-2' });
    expect(lease).toEqual({ queue: 'host-2', shared: 'small' });
    renewLease(lease, scheduleOf(plan, small, placement, lease), { hostQueue: null });
    expect(lease.queue).toBe('host-2');
  });

  it('binds every step to the host that holds what is not committed', () => {
    const lease = { queue: null, shared: null };
    renewLease(lease, scheduleOf(plan, small, placement, lease), { hostQueue: 'small@a', host: 'a' });
    const limits = { scheduleToStartMs: 5000 };
    expect(scheduleOf(plan, step(), placement, lease)).toMatchObject({
      ...{ queue: 'pawl@a', fallbackQueue: 'pawl', ...limits },
    });
    expect(scheduleOf(plan, big, placement, lease)).toMatchObject({ queue: 'big@a', fallbackQueue: 'big', ...limits });
  });
});

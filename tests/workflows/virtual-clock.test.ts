import { describe, expect, it } from 'vitest';
import { createClock } from '../../workflows/virtual-clock.js';

describe('the virtual clock', () => {
  it('fires timers in order of time, and of setting where the time is the same', async () => {
    const clock = createClock(100);
    const fired: [string, number][] = [];
    clock.after(20, () => fired.push(['b', clock.now()]));
    clock.after(10, () => fired.push(['a', clock.now()]));
    clock.after(20, () => fired.push(['c', clock.now()]));
    await clock.advance(15);
    expect([fired, clock.now()]).toEqual([[['a', 110]], 115]);
    await clock.advance(5);
    expect(fired.map(([name]) => name)).toEqual(['a', 'b', 'c']);
  });

  it('looks at conditions whenever everything is at rest', async () => {
    const clock = createClock(0);
    let isOpen = false;
    let isMet = false;
    void clock.until(() => isOpen).met.then(() => (isMet = true));
    await clock.settle();
    expect(isMet).toBe(false);
    isOpen = true;
    await clock.settle();
    expect(isMet).toBe(true);
  });

  it('says when nothing is left to happen', async () => {
    await expect(createClock(0).runUntil(() => false)).rejects.toThrow('nothing is left to happen');
  });
});

import { describe, expect, it } from 'vitest';
import { allWays, scheduleOf, targets } from '../../chaos/schedule.js';
import { trace } from './traces.js';

const request = { seed: 7, run: 0, from: 0, count: 8 };

describe('the schedule of a run', () => {
  it('is the same for the same seed and another for another', () => {
    expect(scheduleOf(trace, request)).toEqual(scheduleOf(trace, request));
    expect(scheduleOf(trace, request)).not.toEqual(scheduleOf(trace, { ...request, seed: 8 }));
    expect(scheduleOf(trace, request)).not.toEqual(scheduleOf(trace, { ...request, run: 1 }));
  });

  it('takes every way in a round, whatever the seed', () => {
    const kills = Array.from({ length: allWays.length }, (_, from) =>
      scheduleOf(trace, { ...request, run: from, from, count: 1 }),
    ).flat();
    expect(kills.map(({ target, at }) => JSON.stringify([target, at])).sort()).toEqual(
      allWays.map(({ target, at }) => JSON.stringify([target, at])).sort(),
    );
  });

  it('names points by what is the same in every run', () => {
    const kill = scheduleOf(trace, {
      ...request,
      count: 1,
      ways: [{ target: 'worker', at: { when: 'before', class: 'checkpoint' } }],
    })[0];
    expect(kill?.trigger).toEqual({
      point: { when: 'before', op: 'createIfAbsent', shape: 'checkpoints/c-sft/000000000020-*.json', nth: 1 },
    });
    expect(kill?.where).toBe('before a checkpoint of sft');
  });

  it('disturbs no step more often than it may be tried', () => {
    const kills = scheduleOf(trace, { ...request, count: 40, ways: [{ target: 'trainer', at: 'any time' }] });
    expect(kills).toHaveLength(4); // two steps, twice each
  });

  it('has a way to kill each target', () => {
    expect([...new Set(allWays.map(({ target }) => target))].sort()).toEqual([...targets].sort());
  });
});

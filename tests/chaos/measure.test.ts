import { describe, expect, it } from 'vitest';
import type { Killed } from '../../chaos/killer.js';
import { costsOf } from '../../chaos/measure.js';
import { claim, line, start, stepsOf, trace, wrote } from './traces.js';

const killAt = (ms: number, target: Killed['target']): Killed => ({
  ...{ id: `kill-${ms}`, target, at: 'any time', where: '', pid: 1, killedAt: start + ms },
  trigger: { key: 'k-sft', delayMs: ms },
});
const limits = { intervals: { sft: { everySteps: 20, everyMs: null } }, trainerPaths: new Set(['sft']) };

/** Killed after step 24, the checkpoint of step 20 being safe; another worker goes on with step 21. */
const again = (resumed: number): typeof trace => [
  ...trace.filter(({ at }) => at <= start + 5_600),
  claim(15_000, 'sft', 'a3', 2),
  line(15_010, { what: 'asked', job: 'a3-0' }, 2),
  line(18_000, { what: 'job', job: 'a3-0' }, 2),
  ...stepsOf('a3-0', resumed + 1, 30, 18_100, 2),
  line(20_000, { what: 'done', job: 'a3-0' }, 2),
  wrote(20_100, 'createIfAbsent', 'results/k-sft.json', 2),
];

describe('the cost of a kill', () => {
  it('is the time until the trainer has the job again, and the steps that are reported twice', () => {
    const [cost] = costsOf(again(20), [killAt(5_600, 'worker')], limits);
    expect(cost).toEqual({
      ...{ kill: 'kill-5600', idleMs: 18_000 - 5_600, recomputedSteps: 4, recomputedMs: 300, beyond: null },
    });
  });

  it('is said where it is more than a checkpoint interval', () => {
    const [cost] = costsOf(again(0), [killAt(5_600, 'worker')], limits);
    expect([cost?.recomputedSteps, cost?.beyond]).toEqual([24, 'sft: 24 steps of 20']);
  });

  it('of a server that nobody missed is nothing', () => {
    const [cost] = costsOf(trace, [killAt(4_000, 'temporal')], limits);
    expect(cost).toMatchObject({ idleMs: 100, recomputedSteps: 0, recomputedMs: 0 }); // from step to step
  });

  it('belongs to the kill after which it was, and is not counted for the one before', () => {
    const costs = costsOf(again(20), [killAt(4_000, 'mlflow'), killAt(5_600, 'worker')], limits);
    expect(costs.map(({ idleMs }) => idleMs)).toEqual([0, 12_400]);
  });

  it('of a step without steps is the time that it had worked', () => {
    const lost = [
      claim(0, 'rl[0].reward', 'b1'),
      claim(12_000, 'rl[0].reward', 'b2', 2),
      wrote(13_000, 'createIfAbsent', 'results/k-rl[0].reward.json', 2),
    ];
    const [cost] = costsOf(lost, [killAt(700, 'worker')], limits);
    expect(cost).toMatchObject({ idleMs: 11_300, recomputedMs: 700 });
  });
});

// pawl fork: what its argument names, and why a loop cannot begin somewhere. What it runs: tests/e2e/loops.test.ts.
import { describe, expect, it } from 'vitest';
import { iterationAt, notKept, withFork } from '../../cli/commands/fork.js';
import { countingLoop, planOf, step } from '../workflows/rig.js';

describe('the iteration', () => {
  it('is that of a loop at the top, also of an inlined file', () => {
    expect(iterationAt('a/b@rl[120]', 'rl[120]')).toEqual({ loop: 'rl', iteration: 120 });
    expect(iterationAt('a/b@part.rl[0]', 'part.rl[0]')).toEqual({ loop: 'part.rl', iteration: 0 });
  });

  it('has to be named', () => {
    for (const path of [null, 'rl', 'rl[x]', ''])
      expect(() => iterationAt('a/b', path)).toThrow(
        '`a/b` names no iteration to begin after: write RUN@LOOP[ITERATION]',
      );
    expect(() => iterationAt('a/b@o[1].i[2]', 'o[1].i[2]')).toThrow('at the top of its pipeline');
  });
});

describe('an iteration that is not kept', () => {
  const iterations = [0, 1, 2, 3, 4].map((index) => ({ index, metrics: {}, restorable: index === 1 || index > 2 }));
  const history = { loop: 'rl', key: 'k', iterations };

  it('is refused with those that are', () => {
    expect(notKept('a/b', { loop: 'rl', iteration: 2 }, history)).toBe(
      'a/b has not kept rl[2]: what it carried was pruned, or it lies between two clicks; `keep` of the loop says what stays. Kept: 1, 3-4.',
    );
    expect(notKept('a/b', { loop: 'rl', iteration: 9 }, history)).toBe(
      'a/b has not kept rl[9]: the loop has come to rl[4]. Kept: 1, 3-4.',
    );
    expect(notKept('a/b', { loop: 'rl', iteration: 0 }, { ...history, iterations: [] })).toContain('no iteration yet');
  });
});

describe('the plan of a fork', () => {
  const fork = { run: 'a/b', iteration: 3, carry: {}, metrics: {} };

  it('differs from the other in its loop alone', () => {
    const plan = planOf({ rl: countingLoop(), other: step() });
    const forked = withFork(plan, 'rl', fork);
    expect(forked).toEqual({ ...plan, steps: { ...plan.steps, rl: { ...plan.steps['rl'], fork } } });
    expect(() => withFork(plan, 'other', fork)).toThrow('no loop other');
  });
});

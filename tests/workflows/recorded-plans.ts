// The plans whose histories are kept in tests/histories/: small, and each with a construct of its own.
import type { Plan } from '../../schemas/generated/plan.js';
import { countingLoop, expr, gate, planOf, step, out } from './rig.js';

/** Five steps: a diamond, a skipped step with else, and a gate at the end. */
export const fivePlan: Plan = planOf(
  {
    a: step({ with: { value: 1 }, summary: 'the first' }),
    b: step({ with: { from: out('a'), value: 2 }, deps: ['a'] }),
    c: step({ with: { from: out('a'), value: 3 }, deps: ['a'] }),
    d: step({ uses: 'test.train', with: { from: out('b'), and: out('c') }, deps: ['b', 'c'] }),
    e: step({ with: { from: out('d'), value: expr('steps.c.metrics.value + 1') }, deps: ['c', 'd'] }),
    f: step({ if: expr('false'), else: { out: out('e') }, deps: ['e'] }),
    ok: gate(['steps.e.metrics.value >= 4.0'], { deps: ['e'] }),
  },
  { outputs: { result: out('f') }, metrics: { value: expr('steps.e.metrics.value') } },
);

/** A loop of eight iterations after a step. */
export const loopPlan: Plan = planOf({
  base: step({ with: { value: 1 } }),
  rl: countingLoop({
    max: 8,
    deps: ['base'],
    carry: { at: { artifact: 'folder', type: 'folder', init: out('base'), next: out('work') } },
  }),
});

/** Two failures, what depends on one of them, and a branch that goes on. */
export const failingPlan: Plan = planOf({
  bad: step({ with: { value: 1 } }),
  bad_too: step({ with: { value: 2 } }),
  after: step({ with: { from: out('bad') }, deps: ['bad'] }),
  fine: step({ with: { value: 3 } }),
});

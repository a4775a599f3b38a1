import { describe, expect, it } from 'vitest';
import { computeAgain, withMarksOf } from '../../planning/compute-again.js';
import { deriveLoop, deriveStep, apartOf, keyedApart } from '../../schemas/derivation.js';
import type { LoopNode, Plan, StepNode } from '../../schemas/generated/plan.js';
import { countingLoop, kinds, out, planOf, step } from '../workflows/rig.js';

const plan = planOf({
  a: step(),
  b: step({ with: { from: out('a') }, deps: ['a'] }),
  aside: step({ with: { value: 2 } }),
  rl: countingLoop({ deps: ['b'] }),
  ordered: step({ deps: ['rl'] }),
});
const againOf = (of: Plan, name: string): string | undefined => (of.steps[name] as StepNode).again;

describe('a step that is to be computed again', () => {
  it('is marked with all that depends on it, also by order alone, and inside loops', () => {
    const again = computeAgain(plan, 'b', 'now');
    expect(again?.names).toEqual(['b', 'ordered', 'rl']);
    const marked = again?.plan ?? plan;
    expect(['a', 'b', 'aside', 'ordered'].map((name) => againOf(marked, name))).toEqual([
      undefined,
      'now',
      undefined,
      'now',
    ]);
    expect(((marked.steps['rl'] as LoopNode).steps['work'] as StepNode).again).toBe('now');
    expect(computeAgain(plan, 'c', 'now')).toBeNull();
  });

  it('has keys of its own, the loop, too; a plan without marks has those it had', () => {
    const marked = computeAgain(plan, 'b', 'now')?.plan ?? plan;
    const keyOf = (of: Plan): string => {
      const kind = kinds['test.work'];
      if (kind === undefined) throw new Error('no kind');
      const apart = keyedApart(kind, {}, apartOf(of.steps['b'] as StepNode, 'pipe/run'));
      return deriveStep({ ...apart, kindName: 'test.work', inputs: {}, runSeed: 7, indices: [] }).key;
    };
    const loopKeyOf = (of: Plan): string => {
      const node = of.steps['rl'] as LoopNode;
      return deriveLoop({ node, kinds, inits: {}, outer: {}, runSeed: 7, indices: [] }).key;
    };
    expect(keyOf(marked)).not.toBe(keyOf(plan));
    expect(loopKeyOf(marked)).not.toBe(loopKeyOf(plan));
    expect(withMarksOf(plan, plan)).toEqual(plan);
  });

  it('stays marked when the pipeline is compiled again with another param', () => {
    const marked = computeAgain(plan, 'b', 'now')?.plan ?? plan;
    expect(withMarksOf({ ...plan, params: { lr: 1 } }, marked)).toEqual({ ...marked, params: { lr: 1 } });
  });
});

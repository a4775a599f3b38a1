import { describe, expect, it } from 'vitest';
import { loopAt, namesAlong } from '../../workflows/loop-at.js';
import { loopReads, referencesOf, referencesOfNode } from '../../workflows/references.js';
import { countingLoop, expr, gate, loop, out, planOf, step } from './rig.js';

const inner = countingLoop();
const outer = loop({
  max: expr('params.most'),
  until: expr('steps.eval.metrics.value > steps.base.metrics.value'),
  carry: { at: { artifact: 'folder', type: 'folder', init: out('base'), next: expr('steps.inner.outputs.at') } },
  steps: { inner, eval: step({ with: { from: out('data') } }) },
});

describe('references', () => {
  it('are found in lists, maps and templates, and not in files', () => {
    const file = { $file: { path: 'a', digest: 'sha256:0', bytes: 1, folder: false } };
    const value = [
      { a: expr('params.x + params.y') },
      { $template: ['n', expr('iter.index')] },
      file,
      'steps.no.outputs',
    ];
    expect(referencesOf(value).map((path) => path.join('.'))).toEqual(['params.x', 'params.y', 'iter.index']);
  });

  it('of a loop to the steps around it leave out its own', () => {
    expect(loopReads(outer).sort()).toEqual(['steps.base.metrics.value', 'steps.data.outputs.out']);
    expect(referencesOfNode(outer).map((path) => path.join('.'))).toContain('steps.base.outputs.out');
    expect(referencesOfNode(gate(['steps.a.metrics.value > 1.0']))).toEqual([['steps', 'a', 'metrics', 'value']]);
  });
});

describe('the loop at a path', () => {
  it('is found through iterations', () => {
    const plan = planOf({ outer, a: step() });
    expect(namesAlong('outer[12].inner[3].work')).toEqual(['outer', 'inner', 'work']);
    expect(loopAt(plan, 'outer[12].inner')).toBe(inner);
    expect([loopAt(plan, 'a'), loopAt(plan, 'none'), loopAt(plan, 'outer[0].eval')]).toEqual([null, null, null]);
  });
});

import { expect, it } from 'vitest';
import { outerReferences } from '../../expressions/outer-references.js';
import type { LoopNode, StepNode } from '../../schemas/generated/plan.js';

const step = (inputs: StepNode['with']): StepNode => ({
  node: 'step',
  uses: 'test.sleep',
  with: inputs,
  deps: [],
  if: null,
  else: null,
  cache: true,
  failFast: false,
  retry: { attempts: 1, backoffMs: 0, maxBackoffMs: 0, for: null },
  timeoutMs: null,
  deadlineMs: null,
  checkpoint: { everySteps: null, everyMs: null, keepLast: 2 },
  resources: { gpus: 0, labels: [] },
  summary: '',
});

it('names what a body reads from outside its loop, and neither bounds nor inits', () => {
  const loop: LoopNode = {
    node: 'loop',
    deps: ['start'],
    if: null,
    else: null,
    max: { $expr: 'params.iterations' },
    until: { $expr: 'params.stop' },
    carry: {
      state: {
        artifact: 'folder',
        type: 'folder',
        init: { $expr: 'steps.start.outputs.folder' },
        next: { $expr: 'steps.b.outputs.folder' },
      },
    },
    commit: 1,
    keep: { last: 1, every: null, best: null },
    steps: {
      a: step({
        value: { $template: ['x', { $expr: 'params.lr * steps.data.metrics.rows' }] },
        previous: { $expr: 'carry.state' },
      }),
      b: step({ value: [{ $expr: 'iter.index' }], previous: { $expr: 'steps.a.outputs.folder' } }),
    },
    summary: '',
  };
  expect(outerReferences(loop)).toEqual(['params.lr', 'steps.data.metrics.rows']);
});

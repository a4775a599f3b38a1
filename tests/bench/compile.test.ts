import { expect, it } from 'vitest';
import { largePipeline, measureCompile } from '../../bench/compile.js';
import { compile } from '../../compiler/compile.js';
import type { Node } from '../../schemas/generated/plan.js';

const countOf = (nodes: Record<string, Node>): number =>
  Object.values(nodes).reduce((sum, node) => sum + 1 + (node.node === 'loop' ? countOf(node.steps) : 0), 0);

it.each([20, 500])('the generated pipeline has %i steps and compiles clean', (steps) => {
  const { plan, diagnostics } = compile({ path: 'x.yaml', text: largePipeline(steps), set: {}, files: () => null });
  expect(diagnostics).toEqual([]);
  expect(countOf(plan?.steps ?? {})).toBe(steps);
});

it('every size is measured', () => {
  const costs = measureCompile([20, 40], 1);
  expect(costs.map(({ steps }) => steps)).toEqual([20, 40]);
  for (const { medianMs } of costs) expect(medianMs).toBeGreaterThan(0);
});

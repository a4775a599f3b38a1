import { expect, it } from 'vitest';
import { staysWithHost } from '../../schemas/between-clicks.js';
import type { LoopNode } from '../../schemas/generated/plan.js';

const loop = (given: Partial<LoopNode>): LoopNode => ({ node: 'loop', commit: 1, steps: {}, ...given }) as LoopNode;

it('results stay with their worker where `commit` is above 1 or `commit-behind` is set, and no loop is in the body', () => {
  const inner = { steps: { inner: loop({}) } };
  const all = [
    {},
    { commit: 2 },
    { behind: true as const },
    { commit: 2, ...inner },
    { behind: true as const, ...inner },
  ];
  expect(all.map((given) => staysWithHost(loop(given)))).toEqual([false, true, true, false, false]);
});

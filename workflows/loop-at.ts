// The node of a loop, found by the path of one of its executions.
import type { LoopNode, Node, Plan } from '../schemas/generated/plan.js';
import { parsePath } from '../schemas/ids.js';

/** Names along a path without the iterations: `rl[12].update` -> rl, update. Pure. */
export const namesAlong = (path: string): string[] => (parsePath(path) ?? []).map(({ name }) => name);

/** The loop at a path of the plan; null when there is none. Pure. */
export function loopAt(plan: Plan, path: string): LoopNode | null {
  let nodes: Record<string, Node> = plan.steps;
  let found: LoopNode | null = null;
  for (const name of namesAlong(path)) {
    const node = nodes[name];
    if (node?.node !== 'loop') return null;
    found = node;
    nodes = node.steps;
  }
  return found;
}

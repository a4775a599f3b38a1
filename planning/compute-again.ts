// A plan in which a step, and all that depends on it, is to be computed again: their keys are new, so that no result, checkpoint
// or click of before counts, and none is overwritten.
import type { Node, Plan } from '../schemas/generated/plan.js';

export interface AgainPlan {
  plan: Plan;
  /** Names of the steps, loops, gates and matrices that are computed again, in the order of the plan. */
  names: string[];
}

/**
 * The plan with `from` and what depends on it marked. `at` names the request and must be another each time. Null when the plan
 * has no such step at its top. Pure.
 */
export function computeAgain(plan: Plan, from: string, at: string): AgainPlan | null {
  const start = plan.steps[from];
  if (start === undefined) return null;
  const affected = new Set([from, ...(start.node === 'matrix' ? start.cells.map(({ name }) => name) : [])]);
  for (let before = 0; before < affected.size;) {
    before = affected.size;
    for (const [name, { deps }] of Object.entries(plan.steps))
      if (deps.some((dep) => affected.has(dep))) affected.add(name);
  }
  const steps = Object.entries(plan.steps).map(
    ([name, node]) => [name, affected.has(name) ? marked(node, at) : node] as const,
  );
  return { plan: { ...plan, steps: Object.fromEntries(steps) }, names: [...affected].sort() };
}

/** The plan with the marks that another one of the same pipeline has: what was asked for again stays so, a fork stays one. Pure. */
export const withMarksOf = (plan: Plan, marks: Plan): Plan => ({ ...plan, steps: marksTaken(plan.steps, marks.steps) });

function marksTaken(nodes: Record<string, Node>, from: Record<string, Node>): Record<string, Node> {
  const taken = Object.entries(nodes).map(([name, node]): [string, Node] => {
    const other = from[name];
    if (node.node === 'loop' && other?.node === 'loop') {
      const fork = other.fork === undefined ? {} : { fork: other.fork };
      return [name, { ...node, ...fork, steps: marksTaken(node.steps, other.steps) }];
    }
    const again = other?.node === 'step' ? other.again : undefined;
    return [name, node.node === 'step' && again !== undefined ? { ...node, again } : node];
  });
  return Object.fromEntries(taken);
}

function marked(node: Node, at: string): Node {
  if (node.node === 'step') return { ...node, again: at };
  if (node.node !== 'loop') return node;
  const steps = Object.entries(node.steps).map(([name, inner]): [string, Node] => [name, marked(inner, at)]);
  return { ...node, steps: Object.fromEntries(steps) };
}

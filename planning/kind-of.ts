// The declaration of the kind that a step uses: its own, or the plan's.
import type { Plan, PlanKind, StepNode } from '../schemas/generated/plan.js';

/** The declaration. Pure. */
export function kindOf(plan: Plan, node: StepNode): PlanKind {
  const kind = node.declaration ?? plan.kinds[node.uses];
  if (kind === undefined) throw new Error(`Internal error: the plan lacks the kind ${node.uses}`);
  return kind;
}

// The environment fields that enter the keys of a plan, as the worker of this machine has them.
import { createEnvironment } from '../activities/environment.js';
import type { Plan } from '../schemas/generated/plan.js';

/** Asks the trainer's Python when a kind of the plan wants it; else starts nothing. */
export function environmentOf(plan: Plan, python: string): Promise<Record<string, string>> {
  const fields = [...new Set(Object.values(plan.kinds).flatMap((kind) => kind.environment))];
  return createEnvironment(python)(fields);
}

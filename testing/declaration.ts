// What a step of a plan declares: its kind, or what it says itself.
import type { Plan, PlanKind } from '../schemas/generated/plan.js';
import type { Target } from './paths.js';

/** The declaration of a step, of a fanned-out one that of its cells; null for loops and gates. Pure. */
export const declarationOf = (plan: Plan, { step }: Pick<Target, 'step'>): PlanKind | null =>
  step === null ? null : (step.declaration ?? plan.kinds[step.uses] ?? null);

// Inputs that a plan does not have, because it was compiled before there were such: their defaults, so that a newer worker goes on with
// a run that an older one began. The key stays that of what the plan has.
import { withDefaults } from '../expressions/refusals.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { KindInput } from './kind.js';

/** The inputs of a step, with the defaults of those that are left out. Pure. */
export function withDeclaredDefaults(
  { inputs: declared }: Pick<StepKind, 'inputs'>,
  given: Record<string, KindInput>,
): Record<string, KindInput> {
  const missing = Object.entries(declared).flatMap(([name, input]) => {
    if (Object.hasOwn(given, name) || !('default' in input) || input.default === undefined) return [];
    return [[name, withDefaults(input, undefined) as KindInput] as const];
  });
  return missing.length === 0 ? given : { ...Object.fromEntries(missing), ...given };
}

// Refuses inputs that do not go together before a step runs: what its declaration says (`refuses`), for values that the compiler
// could not know.
import { inputsOf, refusedBy, withDefaults } from '../expressions/refusals.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { KindInput } from './kind.js';
import { StepFailure } from './kind.js';

type Inputs = Record<string, KindInput>;
type Declared = StepKind['inputs'][string];

/** Fails with class `config` where the declaration refuses the inputs, saying all that is wrong. Pure. */
export function refuseCombinations({ inputs: declared, refuses = [] }: StepKind, inputs: Inputs): void {
  const found = refuses.flatMap((refusal) => {
    const values = inputsOf(refusal).map((name) => [name, seen(declared[name], inputs[name])] as const);
    const refused = refusedBy(refusal, Object.fromEntries(values));
    return refused === null ? [] : [{ ...refused, input: inputsOf(refusal)[0] }];
  });
  if (found.length === 0) return;
  throw new StepFailure('config', found.map(({ says, help }) => `${says}; ${help}.`).join(' '), {
    input: found[0]?.input,
  });
}

/** A value as refusals see it. */
function seen(declared: Declared | undefined, given: KindInput | undefined): unknown {
  if (declared === undefined) return null;
  const isScalar = !('artifact' in declared) && declared.type !== 'file' && declared.type !== 'folder';
  if (isScalar) return withDefaults(declared, given);
  return given === undefined || given === null ? null : namesOf(given);
}

/** The names of several artifacts; none of a single one. */
const namesOf = (given: KindInput): string[] =>
  typeof given !== 'object' || given === null || 'path' in given ? [] : Object.keys(given).sort();

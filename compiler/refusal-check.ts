// Whether a refusal of a declaration can be evaluated: its expressions parse, name inputs of the kind, and fit their types.
import { checkExpression } from '../expressions/check.js';
import type { ExpressionType } from '../expressions/check.js';
import { ExpressionError } from '../expressions/expression-error.js';
import { parseExpression } from '../expressions/parse.js';
import type { Reference } from '../expressions/parse.js';
import { expressionsOf } from '../expressions/refusals.js';
import type { Refusal } from '../expressions/refusals.js';
import type { StepKind } from '../schemas/generated/step-kind.js';
import { suggest } from './did-you-mean.js';
import type { ScalarProblem } from './scalar-check.js';

/** What is wrong with a refusal of a kind with these inputs, the first thing; null where nothing is. Pure. */
export function problemOfRefusal(refusal: Refusal, inputs: StepKind['inputs']): ScalarProblem | null {
  for (const [index, source] of expressionsOf(refusal).entries()) {
    const wrong = (code: ScalarProblem['code'], fact: string, hint: string | null = null): ScalarProblem => ({
      code,
      message: `the refusal's expression \`${source}\` ${fact}`,
      hint,
    });
    try {
      const parsed = parseExpression(source);
      const unknown = parsed.references.find(({ path }) => !Object.hasOwn(inputs, path[0] ?? ''));
      if (unknown !== undefined) {
        const name = unknown.path[0] ?? '';
        return wrong('unknown-input', `names \`${name}\`, which is no input`, suggest(name, Object.keys(inputs)));
      }
      const type = checkExpression(parsed, (reference) => typeOf(inputs, reference));
      if (index === 0 && type.is !== 'boolean') return wrong('not-boolean', 'is neither true nor false');
    } catch (error) {
      if (error instanceof ExpressionError) return wrong('expression-syntax', `cannot be used: ${error.message}`);
      throw error;
    }
  }
  return null;
}

/** The type of an input as refusals see it; what stands below one is not looked into. */
function typeOf(inputs: StepKind['inputs'], { path: [name = '', ...below] }: Reference): ExpressionType {
  const input = inputs[name];
  if (below.length > 0 || input === undefined) return { is: 'unknown', optional: false };
  // Null where it is absent.
  if ('artifact' in input) return { is: 'list', optional: true };
  const isOptional = input.default === null;
  if (input.type === 'file' || input.type === 'folder') return { is: 'list', optional: isOptional };
  return { is: input.type === 'object' ? 'map' : input.type, optional: isOptional };
}

// A field as the value that the plan carries; and its value now, where it depends on params only.
import { lowerExpression } from '../expressions/check.js';
import { evaluateValue } from '../expressions/evaluate.js';
import { ExpressionError } from '../expressions/expression-error.js';
import type { Expression, Value } from '../schemas/generated/plan.js';
import type { AnalysedField } from './analysed-field.js';
import { typeOf } from './analysed-field.js';
import type { Authored } from './authored.js';
import type { Param } from './params.js';
import type { ExpressionPart } from './text-value.js';

/** The field's value: literals as they are, expressions as {$expr}, text around expressions as {$template}. For fields without errors. Pure. */
export const planValue = (field: AnalysedField): Value => valueOf(field, field.authored);

function valueOf(field: AnalysedField, authored: Authored): Value {
  if (authored.form === 'list') return authored.items.map((item) => valueOf(field, item));
  if (authored.form === 'map') {
    return Object.fromEntries([...authored.entries].map(([name, { value }]) => [name, valueOf(field, value)]));
  }
  const text = field.texts.get(authored);
  if (text === undefined || text.form === 'literal') return authored.value;
  if (text.form === 'expression') return expressionOf(field, text.part);
  return { $template: text.parts.map((part) => (typeof part === 'string' ? part : expressionOf(field, part))) };
}

function expressionOf(field: AnalysedField, part: ExpressionPart): Expression {
  const analysed = field.parts.find((item) => item.part === part);
  if (part.parsed === null || analysed === undefined)
    throw new Error(`Internal error: ${field.label} was lowered with errors`);
  return { $expr: lowerExpression(part.parsed, (reference) => typeOf(analysed, reference)) };
}

export type Constant = { known: true; value: unknown } | { known: false; error: ExpressionError | null };

/**
 * The field's value when it reads params only and has no errors. `error`: it does, but cannot be computed. `params`: with
 * other values than those of the file. Pure.
 */
export function constantOf(
  field: AnalysedField,
  params: ReadonlyMap<string, Param> = field.scope.unit.params,
): Constant {
  const isKnown = field.parts.every(
    ({ type, resolutions }) =>
      type !== null &&
      resolutions.every(
        ({ reference: { path } }) => path[0] === 'params' && params.get(path[1] ?? '')?.value !== undefined,
      ),
  );
  if (!isKnown) return { known: false, error: null };
  const values = Object.fromEntries([...params].map(([name, { value }]) => [name, value]));
  try {
    return { known: true, value: evaluateValue(planValue(field), { params: values }) };
  } catch (error) {
    if (error instanceof ExpressionError) return { known: false, error };
    throw error;
  }
}

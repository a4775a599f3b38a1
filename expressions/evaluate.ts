// Evaluates expressions and the values of a plan. Deterministic, without Node modules: runs in Temporal's sandbox.
// Numbers of the context are doubles; where that matters the compiler has put int() around references to integers
// (lower.ts), so that whole numbers divide as CEL says.
import type { Value } from '../schemas/generated/plan.js';
import { fromEngineError, toJson } from './engine.js';
import { ExpressionError } from './expression-error.js';
import { parseExpression } from './parse.js';
import type { ParsedExpression, Reference } from './parse.js';

export { expressionEngine } from './engine.js';
export { ExpressionError } from './expression-error.js';

/** Values by root: params, steps, carry, iter. Absent artifacts and metrics that were not measured are null. */
export type Context = Record<string, unknown>;

const parsed = new Map<string, ParsedExpression>();

/**
 * The value of a CEL expression: JSON, artifacts by reference ({$artifact: …}) unchanged. Throws ExpressionError:
 * unknown name, types that do not fit (a null among them), a whole number outside ±(2^53 − 1), an infinite result.
 */
export function evaluateExpression(source: string, context: Context): unknown {
  const expression = parsed.get(source) ?? parseExpression(source);
  parsed.set(source, expression);
  const values = expression.references.map((reference) => lookUp(reference, context, source));
  if (expression.plain) return values[0];
  try {
    return toJson(expression.run(nested(expression.references, values) ?? context), source);
  } catch (error) {
    throw withNulls(fromEngineError(error, source), expression.references, values);
  }
}

/** The value of a plan's value: expressions evaluated, templates joined, files and scalars as they are. Throws ExpressionError. */
export function evaluateValue(value: Value, context: Context): unknown {
  if (Array.isArray(value)) return value.map((item) => evaluateValue(item, context));
  if (typeof value !== 'object' || value === null) return value;
  if (isTagged(value, '$expr')) return evaluateExpression(value.$expr, context);
  if (isTagged(value, '$template')) return joinTemplate(value.$template, context);
  if (isTagged(value, '$file')) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, evaluateValue(item, context)]));
}

const isTagged = <Tag extends string>(value: object, tag: Tag): value is Record<Tag, unknown> =>
  Object.hasOwn(value, tag);

function joinTemplate(parts: (string | { $expr: string })[], context: Context): string {
  return parts.map((part) => (typeof part === 'string' ? part : interpolate(part.$expr, context))).join('');
}

function interpolate(source: string, context: Context): string {
  const value = evaluateExpression(source, context);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new ExpressionError(
    `\`${source}\` is ${nameOf(value)}; inside text only a string, number or boolean can stand`,
    source,
  );
}

const nameOf = (value: unknown): string =>
  value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : isTagged(value as object, '$artifact')
        ? 'an artifact'
        : 'a map';

/** The engine selects name by name, so names of nodes with dots become maps in maps; null where there are none. */
function nested(references: Reference[], values: unknown[]): Context | null {
  if (!references.some(({ path }) => path[0] === 'steps' && path[1]?.includes('.') === true)) return null;
  const context: Context = {};
  for (const [index, { text }] of references.entries()) {
    const names = text.split('.');
    let level = context;
    for (const name of names.slice(0, -1)) {
      const below = level[name];
      const branch: Context = typeof below === 'object' && below !== null ? { ...below } : {};
      level[name] = branch;
      level = branch;
    }
    level[names.at(-1) ?? ''] = values[index];
  }
  return context;
}

/** The value under a reference. Only own properties count, so that `constructor` is no name. */
function lookUp(reference: Reference, context: Context, source: string): unknown {
  let value: unknown = context;
  for (const [depth, name] of reference.path.entries()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) {
      const known = reference.path.slice(0, depth).join('.');
      const where = known === '' ? 'the context' : `\`${known}\``;
      throw new ExpressionError(`\`${reference.text}\` has no value: ${where} holds no \`${name}\``, source, reference);
    }
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Names the references that are null: the usual cause of types that do not fit at run time. */
function withNulls(error: unknown, references: Reference[], values: unknown[]): unknown {
  if (!(error instanceof ExpressionError)) return error;
  const nulls = references.filter((_, index) => values[index] === null).map((reference) => `\`${reference.text}\``);
  if (nulls.length === 0) return error;
  const those = nulls.join(' and ');
  const message = `${error.message} (${those} ${nulls.length === 1 ? 'is' : 'are'} null: absent, not measured or not finite)`;
  return new ExpressionError(message, error.source, error);
}

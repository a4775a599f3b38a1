// The CEL engine as Pawl uses it: integers and doubles mix, few functions, small limits. With parse.ts, check.ts and
// evaluate.ts the only code that knows the library. Loads in Temporal's sandbox: no Node modules.
import { Environment, EvaluationError, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import { ExpressionError } from './expression-error.js';

/** Name and version of the engine; part of every plan, because a replay must evaluate as the first execution did. */
export const expressionEngine = 'cel-js@8.0.0';

/** Largest whole number that a JSON number holds exactly. */
const maxWhole = 2n ** 53n - 1n;

const mixed: Record<string, (left: number, right: number) => number> = {
  '+': (left, right) => left + right,
  '-': (left, right) => left - right,
  '*': (left, right) => left * right,
  '/': (left, right) => left / right,
  '%': (left, right) => left % right,
};

/** A fresh environment in which int and double mix in arithmetic, as comparisons already do. */
export function makeEnvironment(options: { unlistedVariablesAreDyn: boolean }): Environment {
  const environment = new Environment({
    ...options,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 500, maxDepth: 50, maxListElements: 200, maxMapEntries: 200, maxCallArguments: 8 },
  });
  for (const [operator, apply] of Object.entries(mixed)) {
    const handler = (left: number | bigint, right: number | bigint): number => apply(Number(left), Number(right));
    environment.registerOperator(`double ${operator} int: double`, handler);
    environment.registerOperator(`int ${operator} double: double`, handler);
  }
  environment.registerOperator('double % double: double', (left: number, right: number) => left % right);
  return environment;
}

/** The environment of parsing and evaluating. */
export const dynamicEnvironment = makeEnvironment({ unlistedVariablesAreDyn: true });

/** An engine error as an ExpressionError; anything else is a bug and is returned as it is. */
export function fromEngineError(error: unknown, source: string): unknown {
  if (error instanceof ParseError || error instanceof EvaluationError || error instanceof CelTypeError) {
    return new ExpressionError(inUserWords(error.summary), source, error.range);
  }
  return error;
}

/** Names of the engine's types in the language. */
function inTypeWords(text: string): string {
  return text
    .replace(/\bdyn<([a-z_<>]+)>/g, '$1')
    .replace(/\bartifact_([a-z_]+)/g, (_, name: string) => `${name.replaceAll('_', '-')} artifact`)
    .replace(/\bint\b/g, 'integer')
    .replace(/\bdouble\b/g, 'number')
    .replace(/\bbool\b/g, 'boolean');
}

/** The engine's sentence with the type names of the language: integer, number, boolean. */
function inUserWords(summary: string): string {
  const worded = inTypeWords(summary);
  const overload = /^no such overload: (.+)$/.exec(worded);
  if (overload !== null) return `the types do not fit: ${overload[1]}`;
  return worded
    .replace(/^Unexpected token: EOF$/, 'the expression ends too early')
    .replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase());
}

/** A result of the engine as JSON: ints become numbers. Throws where a whole number leaves ±(2^53 − 1) or a value is not JSON. */
export function toJson(value: unknown, source: string): unknown {
  if (typeof value === 'bigint') {
    if (value > maxWhole || value < -maxWhole) {
      throw new ExpressionError(`the integer ${value} lies outside ±(2^53 - 1) and would lose digits`, source);
    }
    return Number(value);
  }
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new ExpressionError(`the result is ${value}, not a finite number`, source);
    return value;
  }
  if (Array.isArray(value)) return value.map((item) => toJson(item, source));
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, source)]));
  }
  throw new ExpressionError('the result is neither a scalar nor a list, map or artifact', source);
}

const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.prototype.hasOwnProperty.call(prototype, 'isPrototypeOf');
};

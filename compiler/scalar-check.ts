// Whether a value fits what an input or a param declares; and the value as the plan holds it.
import type { DiagnosticCode } from './diagnostics.js';
import { suggest } from './did-you-mean.js';
import { parseDuration } from './durations.js';

export type ScalarType =
  'string' | 'number' | 'integer' | 'boolean' | 'duration' | 'list' | 'object' | 'file' | 'folder';

export interface ScalarDeclaration {
  type: ScalarType;
  enum?: readonly unknown[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  exclusiveMinimum?: number | undefined;
  items?: { enum?: readonly unknown[]; type?: string } | undefined;
}

export interface ScalarProblem {
  code: DiagnosticCode;
  message: string;
  hint: string | null;
}

const articles: Record<ScalarType, string> = {
  string: 'a string',
  number: 'a number',
  integer: 'an integer',
  boolean: 'true or false',
  duration: 'a duration',
  list: 'a list',
  object: 'a map',
  file: 'the path of a file',
  folder: 'the path of a folder',
};

/** A type with its article: "an integer". Pure. */
export const describeType = (type: ScalarType): string => articles[type];

/** A value as it reads in a message: its JSON, shortened. Pure. */
export function showValue(value: unknown): string {
  const text = value === undefined || value === null ? 'nothing' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** What is wrong with `value` where `declaration` is asked for, or null. `what` names the place: "input `lr` of `sft`". Pure. */
export function checkScalar(value: unknown, declaration: ScalarDeclaration, what: string): ScalarProblem | null {
  const { type } = declaration;
  if (type === 'duration') return checkDuration(value, what);
  if (!hasType(value, type)) return wrongType(value, type, what);
  if (declaration.enum !== undefined && !declaration.enum.includes(value)) {
    return {
      code: 'bad-value',
      message: `${what} cannot be ${showValue(value)}`,
      hint: suggest(String(value), declaration.enum.map(String)),
    };
  }
  if (typeof value === 'number') return checkRange(value, declaration, what);
  if (Array.isArray(value)) return checkItems(value, declaration.items, what);
  return null;
}

/** The value as the plan holds it: durations in milliseconds, the rest as it is. For values that passed checkScalar. Pure. */
export const planScalar = (value: unknown, type: ScalarType): unknown =>
  type === 'duration' && typeof value === 'string' ? parseDuration(value) : value;

function hasType(value: unknown, type: Exclude<ScalarType, 'duration'>): boolean {
  switch (type) {
    case 'string':
    case 'file':
    case 'folder':
      return typeof value === 'string';
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'list':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
}

function wrongType(value: unknown, type: ScalarType, what: string): ScalarProblem {
  let hint: string | null = null;
  if (type === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    hint = `put it in quotes: "${value}"`;
  else if (typeof value === 'string' && type === 'number' && /^[+-]?\d+(\.\d*)?e[+-]?\d+$/i.test(value))
    hint = 'YAML reads it as text; remove the quotes';
  else if (
    typeof value === 'string' &&
    (type === 'number' || type === 'integer') &&
    value.trim() !== '' &&
    Number.isFinite(Number(value))
  )
    hint = 'remove the quotes';
  return { code: 'wrong-type', message: `${what} takes ${describeType(type)}, not ${showValue(value)}`, hint };
}

function checkDuration(value: unknown, what: string): ScalarProblem | null {
  if (typeof value === 'string' && parseDuration(value) !== null) return null;
  const message = `${what} takes a duration, not ${showValue(value)}`;
  return { code: 'bad-duration', message, hint: 'write e.g. 90s, 15m or 2h30m' };
}

function checkRange(value: number, declaration: ScalarDeclaration, what: string): ScalarProblem | null {
  const { type, minimum, maximum, exclusiveMinimum } = declaration;
  const fail = (bound: string): ScalarProblem => ({
    code: 'out-of-range',
    message: `${what} is ${value}; it must be ${bound}`,
    hint: null,
  });
  if (minimum !== undefined && value < minimum)
    return fail(maximum === undefined ? `at least ${minimum}` : `between ${minimum} and ${maximum}`);
  if (maximum !== undefined && value > maximum)
    return fail(minimum === undefined ? `at most ${maximum}` : `between ${minimum} and ${maximum}`);
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return fail(`greater than ${exclusiveMinimum}`);
  if (type === 'integer' && !Number.isSafeInteger(value)) return fail('within ±(2^53 - 1)');
  return null;
}

function checkItems(items: unknown[], declaration: ScalarDeclaration['items'], what: string): ScalarProblem | null {
  for (const [index, item] of items.entries()) {
    const itemType = declaration?.type;
    if (declaration?.enum !== undefined || isScalarType(itemType)) {
      const type = isScalarType(itemType) ? itemType : 'string';
      const problem = checkScalar(item, { type, enum: declaration?.enum }, `item ${index + 1} of ${what}`);
      if (problem !== null) return problem;
    }
  }
  return null;
}

const isScalarType = (type: string | undefined): type is ScalarType =>
  type !== undefined && Object.hasOwn(articles, type);

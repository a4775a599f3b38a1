// Whether a value fits what an input or a param declares; and the value as the plan holds it.
import type { DiagnosticCode } from './diagnostics.js';
import { suggest } from './did-you-mean.js';
import { parseDuration, showDuration } from './durations.js';

export type ScalarType =
  'string' | 'number' | 'integer' | 'boolean' | 'duration' | 'list' | 'object' | 'file' | 'folder';

export interface ScalarDeclaration {
  type: ScalarType;
  enum?: readonly unknown[] | undefined;
  minimum?: number | undefined;
  maximum?: number | undefined;
  exclusiveMinimum?: number | undefined;
  /** `scalar`: a string, number or boolean. */
  items?: { enum?: readonly unknown[] | undefined; type?: string | undefined } | undefined;
  /** Of a map: the keys that it may have, each with what it takes; or which it may have (none named: any), and what all take. */
  fields?: Readonly<Record<string, ScalarDeclaration>> | undefined;
  keys?: readonly string[] | undefined;
  values?: ScalarDeclaration | undefined;
  /** The whole string must match; `source` as it is written. */
  pattern?: { source: string; matches: (text: string) => boolean } | undefined;
}

/** Longer strings are not matched against a pattern. */
const maxMatched = 10_000;

export interface ScalarProblem {
  code: DiagnosticCode;
  message: string;
  hint: string | null;
  /** Where in a map it is: keys from the outside in; absent: the value itself. The key is wrong where `code` is unknown-key. */
  path?: readonly string[];
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
  if (type === 'duration') return checkDuration(value, declaration, what);
  if (!hasType(value, type)) return wrongType(value, type, what);
  if (declaration.enum !== undefined && !declaration.enum.includes(value))
    return notAmong(value, declaration.enum, what);
  if (typeof value === 'number') return checkRange(value, declaration, what);
  if (typeof value === 'string') return checkPattern(value, declaration.pattern, what);
  if (Array.isArray(value)) return checkItems(value, declaration.items, what);
  return type === 'object' ? checkEntries(value as Record<string, unknown>, declaration, what) : null;
}

/** What is wrong with an entry of a map, the first one; null where nothing is, or entries are free. Pure. */
function checkEntries(
  map: Record<string, unknown>,
  { fields, keys = fields && Object.keys(fields), values }: ScalarDeclaration,
  what: string,
): ScalarProblem | null {
  for (const [name, value] of Object.entries(map)) {
    if (keys !== undefined && !keys.includes(name))
      return { code: 'unknown-key', message: `${what} has no \`${name}\``, hint: suggest(name, keys), path: [name] };
    const declaration = fields?.[name] ?? values;
    const problem = declaration === undefined ? null : checkScalar(value, declaration, `\`${name}\` in ${what}`);
    if (problem !== null) return { ...problem, path: [name, ...(problem.path ?? [])] };
  }
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

const notAmong = (value: unknown, choices: readonly unknown[], what: string): ScalarProblem => ({
  code: 'bad-value',
  message: `${what} cannot be ${showValue(value)}`,
  hint: suggest(String(value), choices.map(String)),
});

function checkPattern(value: string, pattern: ScalarDeclaration['pattern'], what: string): ScalarProblem | null {
  if (pattern === undefined) return null;
  if (value.length > maxMatched)
    return { code: 'bad-value', message: `${what} is longer than ${maxMatched} characters`, hint: null };
  if (pattern.matches(value)) return null;
  return {
    code: 'bad-value',
    message: `${what} cannot be ${showValue(value)}`,
    hint: `it must match ${pattern.source}`,
  };
}

/** Choices and bounds are milliseconds. */
function checkDuration(value: unknown, declaration: ScalarDeclaration, what: string): ScalarProblem | null {
  const ms = typeof value === 'string' ? parseDuration(value) : null;
  if (ms === null) {
    const message = `${what} takes a duration, not ${showValue(value)}`;
    return { code: 'bad-duration', message, hint: 'write e.g. 90s, 15m or 2h30m' };
  }
  if (declaration.enum !== undefined && !declaration.enum.includes(ms)) {
    const choices = declaration.enum.flatMap((choice) => (typeof choice === 'number' ? [showDuration(choice)] : []));
    return notAmong(value, choices, what);
  }
  return checkRange(ms, declaration, what);
}

function checkRange(value: number, declaration: ScalarDeclaration, what: string): ScalarProblem | null {
  const { type } = declaration;
  const shown = (bound: number | undefined): string =>
    type === 'duration' && bound !== undefined ? showDuration(bound) : String(bound);
  const fail = (bound: string): ScalarProblem => ({
    code: 'out-of-range',
    message: `${what} is ${shown(value)}; it must be ${bound}`,
    hint: null,
  });
  const { minimum, maximum, exclusiveMinimum } = declaration;
  if (minimum !== undefined && value < minimum)
    return fail(
      maximum === undefined ? `at least ${shown(minimum)}` : `between ${shown(minimum)} and ${shown(maximum)}`,
    );
  if (maximum !== undefined && value > maximum)
    return fail(
      minimum === undefined ? `at most ${shown(maximum)}` : `between ${shown(minimum)} and ${shown(maximum)}`,
    );
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return fail(`greater than ${exclusiveMinimum}`);
  if (type === 'integer' && !Number.isSafeInteger(value)) return fail('within ±(2^53 - 1)');
  return null;
}

function checkItems(items: unknown[], declaration: ScalarDeclaration['items'], what: string): ScalarProblem | null {
  const { type, enum: choices } = declaration ?? {};
  if (type === undefined && choices === undefined) return null;
  for (const [index, item] of items.entries()) {
    const label = `item ${index + 1} of ${what}`;
    const problem =
      type === 'scalar'
        ? checkScalarItem(item, choices, label)
        : checkScalar(item, { type: isScalarType(type) ? type : 'string', enum: choices }, label);
    if (problem !== null) return problem;
  }
  return null;
}

/** An item of a list whose items may be of any scalar type. */
function checkScalarItem(item: unknown, choices: readonly unknown[] | undefined, what: string): ScalarProblem | null {
  const isScalar = typeof item === 'string' || typeof item === 'boolean' || Number.isFinite(item);
  if (!isScalar) {
    const message = `${what} takes a string, number or boolean, not ${showValue(item)}`;
    return { code: 'wrong-type', message, hint: null };
  }
  return choices === undefined || choices.includes(item) ? null : notAmong(item, choices, what);
}

const isScalarType = (type: string | undefined): type is ScalarType =>
  type !== undefined && Object.hasOwn(articles, type);

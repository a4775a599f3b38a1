// What a step kind refuses: combinations of inputs that make no sense, declared beside the inputs as CEL. One source for the
// compiler, which says so where values are known, and for the start of a step. Loads in Temporal's sandbox.
import type { ScalarInput, StepKind } from '../schemas/generated/step-kind.js';
import { evaluateExpression } from './evaluate.js';
import { ExpressionError } from './expression-error.js';
import { parseExpression } from './parse.js';

export type Refusal = NonNullable<StepKind['refuses']>[number];

/** A combination that is refused: the fact and the way out. */
export interface Refused {
  says: string;
  help: string;
}

const placeholder = /\$\{\{(.+?)\}\}/g;

/** The expressions of a refusal: its condition first, then those inside its text. Pure. */
export const expressionsOf = ({ when, says, help }: Refusal): string[] => [
  when,
  ...[says, help].flatMap((text) => [...text.matchAll(placeholder)].map(([, source = '']) => source.trim())),
];

const named = new WeakMap<Refusal, string[]>();

/** The inputs that a refusal reads, each once; first that of the condition which comes first. Pure. Throws ExpressionError. */
export function inputsOf(refusal: Refusal): string[] {
  const known = named.get(refusal);
  if (known !== undefined) return known;
  const roots = expressionsOf(refusal).flatMap((source) =>
    parseExpression(source).references.map(({ path }) => path[0] ?? ''),
  );
  const inputs = [...new Set(roots)];
  named.set(refusal, inputs);
  return inputs;
}

/**
 * What is refused of these values, or null. `values` has every input that the refusal reads: scalars as `withDefaults` gives
 * them, artifacts, files and folders as null or the list of their names. A value of a wrong type refuses nothing: its own check
 * says so. Pure.
 */
export function refusedBy(refusal: Refusal, values: Record<string, unknown>): Refused | null {
  try {
    if (evaluateExpression(refusal.when, values) !== true) return null;
    return { says: written(refusal.says, values), help: written(refusal.help, values) };
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

const written = (text: string, values: Record<string, unknown>): string =>
  text.replaceAll(placeholder, (_, source: string) => {
    const value = evaluateExpression(source.trim(), values);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });

/** The value of an input with the defaults of all that is declared below it written in; null where there is none. Pure. */
export function withDefaults({ default: byDefault, fields, values }: ScalarInput, given: unknown): unknown {
  const value = given ?? byDefault ?? null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const own = value as Record<string, unknown>;
  const declared = Object.entries(fields ?? {}).map(([name, field]) => [name, withDefaults(field, own[name])] as const);
  const others = Object.entries(own).map(
    ([name, item]) => [name, values === undefined ? item : withDefaults(values, item)] as const,
  );
  return Object.fromEntries([...others, ...declared]);
}

// What expressions see at one level: the root, or one iteration of a loop with the levels around it.
// Owns the values of steps that have ended; a level's results enter once, by `settle` or `skip`.
import { evaluateExpression, evaluateValue, ExpressionError } from '../expressions/evaluate.js';
import type { InputValue } from '../activities/calls.js';
import type { Cell, Expression, Node, Scalar, Value } from '../schemas/generated/plan.js';
import type { MetricTree } from './status.js';
import { referencePath } from '../schemas/ids.js';
import { failure } from './failure.js';
import { referencesOf, referencesOfNode } from './references.js';
import type { Path } from './references.js';

export interface StepValue {
  outputs: Record<string, InputValue>;
  metrics: MetricTree;
  /** Of a fanned-out step: the cells that ran. */
  cells?: (Cell & { metrics: MetricTree })[];
  /** Of a fanned-out step that names its best: what that cell made. */
  best?: { outputs: Record<string, InputValue>; metrics: MetricTree };
}

/** Carries by name; null = absent (no `init` at iteration 0). */
export type Carries = Record<string, InputValue>;

export interface Scope {
  params: Record<string, Scalar>;
  steps: Record<string, StepValue>;
  carry: Carries;
  /** The innermost iteration; null in the root. */
  iter: { index: number } | null;
  /** Steps that were skipped, with the reason; their `else` outputs are in `steps`. */
  skipped: Record<string, string>;
}

/** The scope of the root. */
export const rootScope = (params: Record<string, Scalar>): Scope => ({
  params,
  steps: {},
  carry: {},
  iter: null,
  skipped: {},
});

const contextOf = ({ params, steps, carry, iter }: Scope): Record<string, unknown> => ({
  params,
  steps,
  carry,
  ...(iter === null ? {} : { iter }),
});

/** The value of a plan's value, artifacts by reference. Throws class expression, or ExpressionError. */
export function valueOf(value: Value, scope: Scope): InputValue {
  return evaluateValue(value, contextOf(scope)) as InputValue;
}

/** The value of a condition. Throws class expression when it is not true or false. */
export function holds(expression: Expression, scope: Scope): boolean {
  const value = evaluateExpression(expression.$expr, contextOf(scope));
  if (typeof value === 'boolean') return value;
  throw new ExpressionError(
    `a condition must be true or false, and this is ${JSON.stringify(value)}`,
    expression.$expr,
  );
}

/** Inputs of a step: what is null and an artifact is left out, for an absent carry is an absent input. */
export function inputsOf(
  values: Record<string, Value>,
  scope: Scope,
  isArtifact: (input: string) => boolean,
): Record<string, InputValue> {
  const inputs: Record<string, InputValue> = {};
  for (const [name, value] of Object.entries(values)) {
    const evaluated = valueOf(value, scope);
    if (evaluated === null && isArtifact(name)) continue;
    inputs[name] = evaluated;
  }
  return inputs;
}

/** Why the node cannot have what it reads: it reads a skipped step that supplies no such value. Null = it can. Pure. */
export function missingFor(node: Node, scope: Scope): string | null {
  return missingAmong(referencesOfNode(node), scope);
}

/** The same for values, e.g. an `else`. Pure. */
export function missingIn(value: Value | null, scope: Scope): string | null {
  return missingAmong(referencesOf(value), scope);
}

function missingAmong(references: Path[], scope: Scope): string | null {
  for (const [root, step, ...names] of references) {
    if (root !== 'steps' || step === undefined) continue;
    const reason = scope.skipped[step];
    if (reason === undefined) continue;
    const isBest = names[0] === 'best';
    const [part, leaf] = isBest ? names.slice(1) : names;
    const supplied = isBest ? scope.steps[step]?.best : scope.steps[step];
    if (supplied !== undefined && part === 'outputs' && leaf !== undefined && Object.hasOwn(supplied.outputs, leaf))
      continue;
    return `\`${step}\` was skipped: ${reason}`;
  }
  return null;
}

/** The value under a path; undefined where there is none. Pure. */
export function lookUp(path: Path, scope: Scope): unknown {
  let value: unknown = contextOf(scope);
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Values by dotted path, as they go to the workflow of a loop. */
export type OuterValues = Record<string, InputValue>;

/** The values under dotted paths. Throws class expression for one that has no value. Pure. */
export function valuesAt(references: string[], scope: Scope): OuterValues {
  const values: OuterValues = {};
  for (const text of references) {
    const value = lookUp(referencePath(text.split('.')), scope);
    if (value === undefined) throw failure('expression', `\`${text}\` has no value`);
    values[text] = value as InputValue;
  }
  return values;
}

/** A scope that holds the given outer values. Pure. */
export function scopeFrom(params: Record<string, Scalar>, outer: OuterValues): Scope {
  const scope = rootScope(params);
  for (const [text, value] of Object.entries(outer)) {
    const [root, name, ...rest] = referencePath(text.split('.'));
    if (name === undefined || root !== 'steps') continue;
    const step = (scope.steps[name] ??= { outputs: {}, metrics: {} });
    place(step as unknown as Record<string, unknown>, rest, value);
  }
  return scope;
}

function place(target: Record<string, unknown>, path: Path, value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) Object.assign(target, value);
  else if (rest.length === 0) target[name] = value;
  else place((target[name] ??= {}) as Record<string, unknown>, rest, value);
}

/** The scope of one iteration inside `outer`: it sees the steps around it, and its own carry and index only. Pure. */
export const iterationScope = (outer: Scope, carry: Carries, index: number): Scope => ({
  params: outer.params,
  steps: { ...outer.steps },
  carry,
  iter: { index },
  skipped: {},
});

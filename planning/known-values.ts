// What is known before a run: params, the keys of steps, metrics of what is already committed. Expressions are evaluated
// where all that they read is known.
import { evaluateValue, ExpressionError } from '../expressions/evaluate.js';
import type { Reference } from '../expressions/parse.js';
import { referencesOfValue } from '../expressions/value-references.js';
import type { Scalar, Value } from '../schemas/generated/plan.js';

export interface KnownStep {
  /** Known as soon as the key is: an artifact is named by how it is made. Carries of a loop only when it is complete. */
  outputs: Record<string, unknown>;
  /** Null until the step has run. */
  metrics: Record<string, unknown> | null;
  /** Of a fanned-out step, once all its cells have run: what it is read by. */
  cells?: unknown[];
  best?: { outputs: Record<string, unknown>; metrics: Record<string, unknown> };
}

export interface Known {
  params: Record<string, Scalar>;
  steps: Map<string, KnownStep>;
  /** Steps that will be skipped, with the reason. */
  skipped: Map<string, string>;
}

export type Evaluated =
  | { state: 'known'; value: unknown }
  /** `reference` is known only once something has run. */
  | { state: 'unknown'; reference: Reference }
  | { state: 'skipped'; step: string; reason: string }
  | { state: 'failed'; message: string };

/** The value of a plan's value, or why it is not known yet. Pure. */
export function evaluateKnown(value: Value, known: Known): Evaluated {
  for (const reference of referencesOfValue(value)) {
    const skip = skippedBy(reference, known);
    if (skip !== null) return { state: 'skipped', step: reference.path[1] ?? '', reason: skip };
    if (!isKnown(reference, known)) return { state: 'unknown', reference };
  }
  try {
    return { state: 'known', value: evaluateValue(value, contextOf(known)) };
  } catch (error) {
    if (error instanceof ExpressionError) return { state: 'failed', message: error.message };
    throw error;
  }
}

/** The context that the interpreter would evaluate in, as far as it is known. Pure. */
export const contextOf = ({ params, steps }: Known): Record<string, unknown> => ({
  params,
  steps: Object.fromEntries(
    [...steps].map(([name, { metrics, ...step }]) => [name, { ...step, metrics: metrics ?? {} }]),
  ),
});

function skippedBy({ path }: Reference, known: Known): string | null {
  const [root, name = '', ...rest] = path;
  const reason = root === 'steps' ? known.skipped.get(name) : undefined;
  if (reason === undefined) return null;
  const isBest = rest[0] === 'best';
  const [section, output = ''] = isBest ? rest.slice(1) : rest;
  const step = known.steps.get(name);
  const supplied = (isBest ? step?.best : step)?.outputs ?? {};
  return section === 'outputs' && Object.hasOwn(supplied, output) ? null : reason;
}

function isKnown({ path }: Reference, known: Known): boolean {
  const [root, name = '', section, leaf = ''] = path;
  if (root !== 'steps') return root === 'params';
  const step = known.steps.get(name);
  if (step === undefined) return false;
  if (section === 'cells') return step.cells !== undefined;
  if (section === 'best') return step.best !== undefined;
  return section === 'outputs' ? Object.hasOwn(step.outputs, leaf) : step.metrics !== null;
}

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
  /** Steps that would fail or never start, with the reason: what depends on them does not start either. */
  stopped: Map<string, string>;
  /** Gates that are not decided, and what waits for them: by name, the gate. */
  gated: Map<string, string>;
  /** The iteration of the innermost loop that is looked at; null at the top. */
  iteration: { index: number; carry: Record<string, unknown> } | null;
}

export type Evaluated =
  | { state: 'known'; value: unknown }
  /** `reference` is known only once something has run. */
  | { state: 'unknown'; reference: Reference }
  | { state: 'skipped'; step: string; reason: string }
  | { state: 'failed'; message: string };

/** The value of a plan's value, or why it is not known yet. Pure. */
export function evaluateKnown(value: Value, known: Known): Evaluated {
  const references = referencesOfValue(value);
  const skip = skippedAmong(references, known);
  if (skip !== null) return { state: 'skipped', ...skip };
  const unknown = references.find((reference) => !isKnown(reference, known));
  if (unknown !== undefined) return { state: 'unknown', reference: unknown };
  try {
    return { state: 'known', value: evaluateValue(value, contextOf(known)) };
  } catch (error) {
    if (error instanceof ExpressionError) return { state: 'failed', message: error.message };
    throw error;
  }
}

/** The first step among the references that is skipped and supplies no such value, with the reason; null when none is. Pure. */
export function skippedAmong(
  references: readonly Pick<Reference, 'path'>[],
  known: Known,
): { step: string; reason: string } | null {
  for (const { path } of references) {
    const reason = skippedBy(path, known);
    if (reason !== null) return { step: path[1] ?? '', reason };
  }
  return null;
}

/** The context that the interpreter would evaluate in, as far as it is known. Pure. */
export const contextOf = ({ params, steps, iteration }: Known): Record<string, unknown> => ({
  params,
  steps: Object.fromEntries(
    [...steps].map(([name, { metrics, ...step }]) => [name, { ...step, metrics: metrics ?? {} }]),
  ),
  ...(iteration === null ? {} : { carry: iteration.carry, iter: { index: iteration.index } }),
});

/** What an iteration sees: the steps around it, and its own carry and index only. Pure. */
export const knownInside = (around: Known, index: number, carry: Record<string, unknown>): Known => ({
  params: around.params,
  steps: new Map(around.steps),
  skipped: new Map(),
  stopped: new Map(),
  gated: new Map(),
  iteration: { index, carry },
});

function skippedBy(path: readonly string[], known: Known): string | null {
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
  if (root === 'carry' || root === 'iter') return known.iteration !== null;
  if (root !== 'steps') return true;
  const step = known.steps.get(name);
  if (step === undefined) return false;
  if (section === 'cells') return step.cells !== undefined;
  if (section === 'best') return step.best !== undefined;
  return section === 'outputs' ? Object.hasOwn(step.outputs, leaf) : step.metrics !== null;
}

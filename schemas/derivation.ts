// From the evaluated inputs of a step to its derivation and keys. Shared by the activities that run steps and by
// planning, so that a plan predicts exactly the keys that a run will use.
import type { PlanKind } from './generated/plan.js';
import type { Derivation } from './generated/records.js';
import { loopKey, stepKey, stepSeed } from './identity.js';
import { loopIdentity } from './loop-identity.js';
import type { LoopIdentity } from './loop-identity.js';

export interface StepDerivation {
  derivation: Derivation;
  /** Names the step's result: hex sha256 of the derivation. */
  key: string;
  /** Names its checkpoints: the same without the inputs that may grow without starting over. */
  checkpointKey: string;
  /** Null unless the kind is seeded. */
  seed: number | null;
}

/**
 * Derivation, key, checkpoint key and seed of a step. Pure.
 * `inputs` are evaluated: artifacts as {$artifact}, files as {$file}, scalars and JSON by value; null or undefined is
 * absent. `indices` are those of the enclosing loops, outermost first. `environment` may hold more fields than the kind
 * declares; a declared one that is missing is an internal error, because the key would lie.
 */
export function deriveStep(step: {
  kindName: string;
  kind: PlanKind;
  inputs: Record<string, unknown>;
  runSeed: number;
  indices: readonly number[];
  environment: Record<string, string>;
}): StepDerivation {
  const { kindName, kind } = step;
  const seed = kind.seeded ? stepSeed(step.runSeed, step.indices) : null;
  const inputs = Object.entries(step.inputs)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => [name, inputIdentity(value)] as const);
  const base = {
    kind: kindName,
    version: kind.version,
    seed,
    environment: pickEnvironment(kindName, kind, step.environment),
  };
  const derivation: Derivation = { ...base, inputs: Object.fromEntries(inputs) };
  const lasting = inputs.filter(([name]) => kind.inputs[name]?.checkpointKey !== false);
  const checkpointDerivation: Derivation = { ...base, inputs: Object.fromEntries(lasting) };
  return { derivation, key: stepKey(derivation), checkpointKey: stepKey(checkpointDerivation), seed };
}

/** What keeps the key of a step apart from those of the same step elsewhere. */
export interface Apart {
  /** The run, for a step with `cache: false`: no other run's result counts. */
  run?: string;
  /** When it was asked for to be computed again: no earlier result counts. */
  again?: string;
}

/** What a step is kept apart by. Pure. */
export const apartOf = (step: { cache: boolean; again?: string | undefined }, workflowId: string): Apart => ({
  ...(step.cache ? {} : { run: workflowId }),
  ...(step.again === undefined ? {} : { again: step.again }),
});

/** Kind and environment with what the key of the step is kept apart by. Pure. */
export const keyedApart = (
  kind: PlanKind,
  environment: Record<string, string>,
  apart: Apart,
): { kind: PlanKind; environment: Record<string, string> } => ({
  kind: { ...kind, environment: [...kind.environment, ...Object.keys(apart)] },
  environment: { ...environment, ...apart },
});

/**
 * The newest checkpoint that may be resumed: one beyond `steps` belongs to a longer run, where the kind leaves `steps` out of
 * the checkpoint key. Infinity for other kinds. Pure.
 */
export function checkpointLimit(
  declared: Readonly<Record<string, object>>,
  inputs: Readonly<Record<string, unknown>>,
): number {
  const { steps } = inputs;
  const declaration = declared['steps'] ?? {};
  const isLeftOut = 'checkpointKey' in declaration && declaration.checkpointKey === false;
  return isLeftOut && typeof steps === 'number' ? steps : Number.POSITIVE_INFINITY;
}

/** Identity and key of a loop; see loopIdentity for its argument. Pure. */
export function deriveLoop(loop: Parameters<typeof loopIdentity>[0]): { identity: LoopIdentity; key: string } {
  const identity = loopIdentity(loop);
  return { identity, key: loopKey(identity) };
}

/** An input as it enters a key: an artifact by how it was made, a file by its digest, anything else by value. Pure. */
export function inputIdentity(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inputIdentity);
  if (typeof value !== 'object' || value === null) return value;
  if (isArtifact(value)) return { key: value.$artifact.key, output: value.$artifact.output };
  if (isFile(value)) return { file: value.$file.digest };
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, inputIdentity(item)]));
}

const isArtifact = (value: object): value is { $artifact: { key: string; output: string } } =>
  Object.hasOwn(value, '$artifact');

const isFile = (value: object): value is { $file: { digest: string } } => Object.hasOwn(value, '$file');

function pickEnvironment(
  kindName: string,
  kind: PlanKind,
  environment: Record<string, string>,
): Record<string, string> {
  const picked = kind.environment.map((field) => {
    const value = environment[field];
    if (value === undefined) throw new Error(`Internal error: ${kindName} is keyed by ${field}, which was not given`);
    return [field, value] as const;
  });
  return Object.fromEntries(picked);
}

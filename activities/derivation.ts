// The derivation of a call, made again where the step runs: it is stored with the result, and it shows that this worker is
// the one that the key speaks of.
import { commandKind, commandVersion } from '../schemas/command.js';
import { apartOf, deriveStep, inputIdentity, keyedApart } from '../schemas/derivation.js';
import type { Derivation } from '../schemas/generated/records.js';
import { stepKey } from '../schemas/identity.js';
import type { FreshStepCall, StepCall } from './calls.js';
import type { Host } from './host.js';
import { StepFailure } from './kind.js';

/**
 * The derivation whose digest is the call's key. Fails with worker_outdated when this worker would compute something else
 * than the key says: another version of the kind, another Python.
 */
export async function derivationOf(
  call: StepCall,
  { kinds, environment }: Pick<Host, 'kinds' | 'environment'>,
): Promise<Derivation> {
  const declared = (call.declaration ?? kinds[call.uses])?.environment ?? [];
  const own = await environment(declared);
  const inputs = Object.entries(call.inputs)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => [name, inputIdentity(value)] as const);
  const base = { kind: call.uses, version: call.version, inputs: Object.fromEntries(inputs), seed: call.seed };
  // The call does not say whether the step is cached: one of the two is its key.
  const candidates = [true, false].map((cache) => ({
    ...own,
    ...apartOf({ cache, again: call.again }, call.run.workflowId),
  }));
  const match = candidates
    .map((fields): Derivation => ({ ...base, environment: fields }))
    .find((one) => stepKey(one) === call.key);
  if (match !== undefined) return match;
  const here = Object.entries(own).map(([field, value]) => `${field} ${value}`);
  throw new StepFailure(
    'worker_outdated',
    `This worker would not compute what the key ${call.key} of ${call.path} stands for${here.length > 0 ? ` (it has ${here.join(', ')})` : ''}. All workers of a run need the same version of Pawl and, for ${call.uses}, of Python.`,
    { environment: own },
  );
}

/** The call of a fresh step with its keys; other calls have them. Pure. */
export function withKeys(call: StepCall | FreshStepCall): StepCall {
  if (call.key !== null) return call;
  const { derive, ...rest } = call;
  const { kind, runSeed, indices } = derive;
  const { key, checkpointKey, seed } = deriveStep({
    ...keyedApart(kind, {}, apartOf(derive, call.run.workflowId)),
    kindName: call.uses,
    inputs: call.inputs,
    runSeed,
    indices,
  });
  return { ...rest, key, checkpointKey, seed };
}

/** Fails with worker_outdated when the plan asks for a newer version of the kind than this worker has. Pure. */
export function refuseNewerKind(call: StepCall, { kinds }: Pick<Host, 'kinds'>): void {
  const known = call.uses === commandKind ? commandVersion : (kinds[call.uses]?.version ?? 0);
  if (call.version <= known) return;
  throw new StepFailure(
    'worker_outdated',
    `${call.path} uses ${call.uses} version ${call.version}, and this worker has version ${known}. Update the worker.`,
  );
}

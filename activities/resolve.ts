// Local activity: what is to do for a step whose inputs are known. Reads records, never artifacts.
import { apartOf, checkpointLimit, deriveStep, keyedApart } from '../schemas/derivation.js';
import type { Result } from '../schemas/generated/records.js';
import { newestCheckpoint } from '../store/checkpoints.js';
import { readClaim } from '../store/claims.js';
import { checkResult, readResult } from '../store/results.js';
import type { LocalActivities, ResolveInput, ResolveOutput } from './calls.js';
import { claimRun } from './claim.js';
import { outcomeOf } from './commit-step.js';
import { refuseForeignStore, type Host } from './host.js';

const missedRenewals = 3;

/**
 * cached: a result stands; held: another run works at it, ask again after retryAfterMs; pruned: a result stands without its
 * artifacts; resumable: a checkpoint is there; run: nothing is. Safe to run again.
 */
export const resolve =
  (host: Host): LocalActivities['resolve'] =>
  async (input) => {
    refuseForeignStore(host, input.run);
    const { kind, environment } = await keyed(host, input);
    const { runSeed, indices, inputs } = input;
    const derived = deriveStep({ kindName: input.uses, kind, inputs, runSeed, indices, environment });
    const { key } = derived;
    const { found, reason } = await committed(host, key);
    if (found !== null && reason === null) {
      const outcome = { ...outcomeOf(found, { attempts: 0, hostQueue: null }), seconds: 0, saved: found.seconds };
      return { state: 'cached', key, reason: `committed by ${found.run} at ${found.endedAt}`, outcome };
    }
    const held = await heldBy(host, input, key);
    if (held !== null) return held;
    const checkpoint = kind.checkpoints
      ? await newestCheckpoint(host.store, derived.checkpointKey, checkpointLimit(kind.inputs, inputs))
      : null;
    const state = checkpoint !== null ? 'resumable' : found !== null ? 'pruned' : 'run';
    return {
      state,
      key,
      checkpointKey: derived.checkpointKey,
      seed: derived.seed,
      reason: checkpoint === null ? (reason ?? 'no result yet') : `checkpoint of step ${checkpoint.step}`,
      checkpointStep: checkpoint?.step ?? null,
    };
  };

async function keyed(host: Host, input: ResolveInput): ReturnType<typeof withEnvironment> {
  const own = await withEnvironment(host, input);
  return keyedApart(own.kind, own.environment, apartOf(input, input.run.workflowId));
}

async function withEnvironment(
  host: Host,
  { kind }: ResolveInput,
): Promise<{ kind: ResolveInput['kind']; environment: Record<string, string> }> {
  return { kind, environment: await host.environment(kind.environment) };
}

/** The committed result, and why it does not do. */
async function committed(host: Host, key: string): Promise<{ found: Result | null; reason: string | null }> {
  const found = await readResult(host.store, key);
  const pruned = found !== null && (await checkResult(host.store, found)) === 'pruned';
  return { found, reason: pruned ? 'its artifacts were pruned' : null };
}

async function heldBy(host: Host, input: ResolveInput, key: string): Promise<ResolveOutput | null> {
  const claim = await readClaim(host.store, key);
  if (claim === null || claim.released) return null;
  const own = claim.run === claimRun(input.run) && claim.holder === input.path;
  const freeAt = claim.renewedAt + missedRenewals * claim.renewEveryMs;
  if (own || host.clock() > freeAt) return null;
  const retryAfterMs = Math.min(freeAt - host.clock() + 1, host.claimPollMs);
  return { state: 'held', key, reason: `${claim.holder} of the run ${claim.run} works at it`, retryAfterMs };
}

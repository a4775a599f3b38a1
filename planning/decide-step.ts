// What a run would do with a step: in the order of activities/resolve.ts.
import { apartOf, checkpointLimit, deriveStep, keyedApart } from '../schemas/derivation.js';
import type { StepDerivation } from '../schemas/derivation.js';
import type { PlanKind, StepNode } from '../schemas/generated/plan.js';
import type { Result } from '../schemas/generated/records.js';
import { childPath } from '../schemas/ids.js';
import { shardInputs } from '../schemas/shards.js';
import { stateOfArtifact } from '../store/artifacts.js';
import { newestCheckpoint } from '../store/checkpoints.js';
import { readClaim } from '../store/claims.js';
import { readResult } from '../store/results.js';
import { names } from '../store/store.js';
import { inWords, nearestResult } from './key-diff.js';
import { evaluateKnown } from './known-values.js';
import type { Evaluated } from './known-values.js';
import { kindOf } from './kind-of.js';
import type { Level, Planning } from './level.js';
import type { Decision, PlannedStep } from './planned-step.js';

const missedRenewals = 3;

/** Why its key is not known yet. */
export interface Blocked {
  blockedBy: Exclude<Evaluated, { state: 'known' }>;
  inputs: PlannedStep['inputs'];
}

/** What becomes of a step whose `if` holds. Its key enters what the level knows. Reads records. */
export async function decideStep(level: Level, name: string, node: StepNode): Promise<Decision | Blocked> {
  const { planning, known } = level;
  const path = childPath(level.prefix, name);
  const inputs = Object.fromEntries(
    Object.entries(node.with).map(([input, value]) => [input, evaluateKnown(value, known)]),
  );
  const values: Record<string, unknown> = {};
  for (const [input, evaluated] of Object.entries(inputs)) {
    if (evaluated.state !== 'known') return { blockedBy: evaluated, inputs };
    values[input] = evaluated.value;
  }
  const kind = kindOf(planning.plan, node);
  const derived = deriveStep({
    ...keyedApart(kind, planning.environment, apartOf(node, planning.workflowId ?? '')),
    kindName: node.uses,
    inputs: values,
    runSeed: planning.plan.seed,
    indices: level.indices,
  });
  const { key } = derived;
  const { result, state } = await standing(planning, key);
  planning.producers.set(key, path);
  planning.needs?.steps.add(key);
  if (state !== 'ok' || derived.checkpointKey !== key) planning.needs?.checkpoints.add(derived.checkpointKey);
  const outputs = Object.entries(kind.outputs).map(
    ([output, type]) => [output, { $artifact: { key, output, type } }] as const,
  );
  const metrics = state === 'ok' ? (result?.metrics ?? null) : null;
  known.steps.set(name, { outputs: Object.fromEntries(outputs), metrics });
  if (state === 'ok' && result !== null)
    return { state: 'CACHED', key, inputs, reason: `committed by ${result.run} at ${result.endedAt}` };
  const decision = await notCached(level, path, { node, kind, derived, values, state });
  const shards = await shardsInWords(level, node, values);
  return { key, inputs, ...decision, reason: `${decision.reason}${shards}` };
}

/** How many shards it runs as and how many of them are there already; '' where it has none. They enter what is needed. */
async function shardsInWords(
  { planning, indices, staysWithHost }: Level,
  { shards, ...node }: StepNode,
  values: Record<string, unknown>,
): Promise<string> {
  const kind = shards === undefined ? undefined : planning.plan.kinds[shards.kind];
  if (shards === undefined || kind === undefined) return '';
  if (staysWithHost)
    return `; as one, not as ${shards.count} shards: results stay with one worker until the next click of the loop`;
  const { environment, workflowId, needs, plan } = planning;
  let cached = 0;
  for (let shard = 1; shard <= shards.count; shard++) {
    const { key, checkpointKey } = deriveStep({
      ...keyedApart(kind, environment, apartOf(node, workflowId ?? '')),
      kindName: shards.kind,
      inputs: shardInputs(kind, values, { shard, shards: shards.count }),
      ...{ runSeed: plan.seed, indices },
    });
    needs?.steps.add(key);
    needs?.checkpoints.add(checkpointKey);
    if ((await standing(planning, key)).state === 'ok') cached += 1;
  }
  return `; ${shards.count} shards${cached === 0 ? '' : `, ${cached} cached`}`;
}

interface Keyed {
  node: StepNode;
  kind: PlanKind;
  derived: StepDerivation;
  values: Record<string, unknown>;
  state: 'none' | 'ok' | 'pruned' | 'damaged';
}

async function notCached(level: Level, path: string, step: Keyed): Promise<Decision> {
  const { derived, kind, values, state } = step;
  const { planning, prefix } = level;
  const { store } = planning;
  const held = await holderOf(planning, derived.key);
  if (held !== null) return { state: 'WAITING', reason: held };
  const checkpoint = goesOn(level, step)
    ? await newestCheckpoint(store, derived.checkpointKey, checkpointLimit(kind.inputs, values))
    : null;
  if (checkpoint !== null)
    return { state: 'RESUME', checkpointStep: checkpoint.step, reason: `checkpoint of step ${checkpoint.step}` };
  if (state === 'pruned') return { state: 'PRUNED', reason: 'its artifacts were pruned: it runs again' };
  if (state === 'damaged') return { state: 'DAMAGED', reason: 'its result is damaged: it runs again' };
  // An iteration always differs from the one before.
  if (prefix !== '') return { state: 'RUN', reason: 'no result yet' };
  return { state: 'RUN', ...(await changesOf(planning, path, step)) };
}

/** Whether it goes on from a checkpoint: what is only put together from shards does not. Pure. */
const goesOn = ({ staysWithHost }: Level, { kind, node: { shards } }: Keyed): boolean =>
  kind.checkpoints && (shards === undefined || shards.resumes === true || staysWithHost);

async function changesOf(
  { history, producers }: Planning,
  path: string,
  { node, derived: { derivation } }: Keyed,
): Promise<Pick<Decision, 'reason' | 'changes' | 'comparedWith'> & { reason: string }> {
  const nearest = nearestResult(await history.resultsOf(node.uses, path), { derivation, producers });
  if (nearest === null) return { reason: 'no result yet' };
  const { result, differences } = nearest;
  const whose = result.path === path ? '' : ` (compared with \`${result.path}\`)`;
  return {
    reason: `${inWords(differences)}${whose}`,
    changes: differences,
    comparedWith: { run: result.run, path: result.path, endedAt: result.endedAt },
  };
}

async function standing({ store }: Planning, key: string): Promise<{ result: Result | null; state: Keyed['state'] }> {
  const result = await readResult(store, key);
  if (result === null) return { result, state: (await store.get(names.result(key))) === null ? 'none' : 'damaged' };
  const states = await Promise.all(Object.values(result.outputs).map((output) => stateOfArtifact(store, output)));
  if (states.includes('gone')) return { result, state: 'pruned' };
  return { result, state: states.includes('damaged') ? 'damaged' : 'ok' };
}

/** Who works at the key now; null when nobody does. */
async function holderOf({ store, now }: Planning, key: string): Promise<string | null> {
  const claim = await readClaim(store, key);
  if (claim === null || claim.released) return null;
  if (now > claim.renewedAt + missedRenewals * claim.renewEveryMs) return null;
  return `\`${claim.holder}\` of ${runOfClaim(claim.run)} works at it`;
}

/** Claims name a run as <workflow id>/<run id>; people know the first. */
const runOfClaim = (run: string): string => run.split('/').slice(0, -1).join('/') || run;

// Plans by their hash: immutable, checked when read.
import type { Plan } from '../schemas/generated/plan.js';
import { plan as validPlan } from '../schemas/generated/validators.js';
import { canonicalJson } from '../schemas/canonical-json.js';
import { digestOf, planHash } from '../schemas/identity.js';
import type { Digest } from '../schemas/identity.js';
import { StoreError } from './errors.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

const IR_VERSION = 1;

/** Stores a plan and returns its hash. Written anew each time: its time says when it was last submitted. */
export async function putPlan(store: ObjectStore, plan: Plan): Promise<Digest> {
  const hash = planHash(plan);
  await store.put(names.plan(hash), canonicalJson(plan));
  return hash;
}

/**
 * The plan of this hash. Throws `store_unavailable` when it is not there, `artifact_damaged` when its bytes
 * do not match the hash, `worker_outdated` when a newer version of Pawl made it.
 */
export async function readPlan(store: ObjectStore, hash: string): Promise<Plan> {
  const name = names.plan(hash);
  const body = await store.get(name);
  if (body === null)
    throw new StoreError(
      'store_unavailable',
      `The store has no plan ${hash}. Is this the store that the run was submitted to?`,
    );
  if (digestOf(body).slice('sha256:'.length) !== hash.replace(/^sha256:/, ''))
    throw new StoreError(
      'artifact_damaged',
      `The plan ${name} in the store does not match its hash. Submit the pipeline again.`,
    );
  return parsePlan(JSON.parse(new TextDecoder().decode(body)), hash);
}

/** A plan from JSON. Throws `worker_outdated` for a plan from a newer version, `artifact_damaged` for what is no plan. Pure. */
export function parsePlan(value: unknown, hash: string): Plan {
  if (isPlan(value)) return value;
  const version = typeof value === 'object' && value !== null && 'irVersion' in value ? value.irVersion : undefined;
  if (typeof version === 'number' && version > IR_VERSION)
    throw new StoreError(
      'worker_outdated',
      `${hash} is a plan from a newer version of Pawl (plan version ${version}, this one reads up to ${IR_VERSION}). Update Pawl here, or submit the pipeline with this version.`,
    );
  const [first] = validPlan.errors ?? [];
  const detail = first === undefined ? '' : ` (${first.instancePath || '/'} ${first.message ?? 'is wrong'})`;
  throw new StoreError('artifact_damaged', `${hash} is no valid plan${detail}. Submit the pipeline again.`);
}

const isPlan = (value: unknown): value is Plan => validPlan(value);

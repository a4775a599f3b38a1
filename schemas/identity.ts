// Digests and the keys derived from them: what a step, a loop and a plan are named by.
import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.js';
import type { Plan } from './generated/plan.js';
import type { Derivation } from './generated/records.js';

export type Digest = `sha256:${string}`;

/** Digest of bytes or of the UTF-8 of a string. Pure. */
export const digestOf = (bytes: string | Uint8Array): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The key of a step: hex sha256 of its derivation. Pure. */
export const stepKey = (derivation: Derivation): string => hexOf(canonicalJson(derivation));

/** The digest that names a plan: same file, params, seed and local files give the same bytes. Pure. */
export const planHash = (plan: Plan): Digest => digestOf(canonicalJson(plan));

/** The default name of a run: 10 hex digits of its plan. Pure. */
export const defaultRunName = (plan: Plan): string => planHash(plan).slice('sha256:'.length, 'sha256:'.length + 10);

/** Key of a loop: everything that decides what an iteration computes, and neither `max`, `until`, `commit` nor `keep`. Pure. */
export const loopKey = (identity: {
  body: unknown;
  carry: unknown;
  outer: unknown;
  seed: unknown;
  begin?: unknown;
}): string => hexOf(canonicalJson(identity));

/** Seed of a step: 48 bits of sha256(run seed, indices of the enclosing loops), so that it is exact in JSON. Pure. */
export function stepSeed(runSeed: number, indices: readonly number[]): number {
  return Number.parseInt(hexOf(canonicalJson([runSeed, ...indices])).slice(0, 12), 16);
}

const hexOf = (text: string): string => createHash('sha256').update(text).digest('hex');

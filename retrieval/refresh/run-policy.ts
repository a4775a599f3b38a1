// Runs a policy and encodes what it chose, each row once. What a step does with a trainer, a replay does with recorded vectors.
import { correctionOf, type Correction } from './correct.js';
import { refreshPolicies, type RefreshPolicyName } from './policies.js';
import type { EncodeRows, RefreshChoice, RefreshInput } from './policy.js';

export interface Refreshed extends RefreshChoice {
  /** By the current encoder, in the order of `rows`. */
  vectors: Float32Array;
  /** What rows that stay stale are moved by; null where none is asked for. */
  corrected: Correction | null;
}

/** The choice of the policy with the new vectors of its rows. `encode` is asked for no row twice. Nothing is written. */
export async function runPolicy(name: RefreshPolicyName, input: RefreshInput): Promise<Refreshed> {
  const { dimension } = input.index;
  const known = new Map<number, Float32Array>();
  const encode: EncodeRows = async (rows) => {
    const missing = rows.filter((row) => !known.has(row));
    const found = missing.length === 0 ? new Float32Array(0) : await input.encode(missing);
    missing.forEach((row, i) => known.set(row, found.subarray(i * dimension, (i + 1) * dimension)));
    const vectors = new Float32Array(rows.length * dimension);
    rows.forEach((row, i) => {
      vectors.set(known.get(row) as Float32Array, i * dimension);
    });
    return vectors;
  };
  const choice = await refreshPolicies[name]({ ...input, encode });
  const chosen = new Set(choice.rows);
  for (const row of known.keys()) {
    if (!chosen.has(row)) throw new Error(`Internal error: policy ${name} encoded row ${row} and did not choose it`);
  }
  const vectors = await encode(choice.rows);
  const corrected = choice.corrected ?? (await correctionOf(input, choice.rows, vectors, choice.probe));
  return { ...choice, vectors, corrected };
}

// What a partly refreshed index gets wrong, against a full re-encode with the same query vectors.
import type { CountInput, TopInput, TopOutput } from './exact-search.js';
import { rewardRanks } from './ranks.js';
import { rewardOf } from './reward.js';
import type { VectorIndex } from './vector-index.js';

export interface FidelityInput {
  served: VectorIndex;
  full: VectorIndex;
  /** Valid rollouts, row-major. */
  queries: Float32Array;
  positives: readonly (readonly number[])[];
  duplicatesOf: (row: number) => readonly number[];
  count: (input: CountInput) => Promise<Int32Array>;
  search: (input: TopInput) => Promise<TopOutput>;
}

export interface Fidelity {
  /** Share of the full index's first 10 that the served one also has among its first 10. */
  recallAt10: number;
  /** Mean |rank served - rank full| of the gold. */
  rankShift: number;
  /** Mean reward (1/log2(1+rank)) served minus full: above 0, the served index flatters. */
  rewardGap: number;
}

/** Figures over all queries; there must be one. */
export async function fidelityOf(input: FidelityInput): Promise<Fidelity> {
  const { queries, positives, duplicatesOf, count } = input;
  const ranksIn = (index: VectorIndex): Promise<Int32Array> =>
    rewardRanks({ index, queries, positives, duplicatesOf }, count);
  const [served, full] = [await ranksIn(input.served), await ranksIn(input.full)];
  const rule = { reward: 'dcg', k: 10, malformed: 0 } as const;
  let shift = 0;
  let gap = 0;
  served.forEach((rank, i) => {
    shift += Math.abs(rank - (full[i] as number));
    gap += rewardOf(rank, rule) - rewardOf(full[i] as number, rule);
  });
  const n = positives.length;
  return { recallAt10: await overlap(input), rankShift: shift / n, rewardGap: gap / n };
}

async function overlap({ served, full, queries, search }: FidelityInput): Promise<number> {
  const a = await search({ index: served, queries, k: 10 });
  const b = await search({ index: full, queries, k: 10 });
  let common = 0;
  for (let at = 0; at < b.rows.length; at += b.k) {
    const own = new Set(a.rows.subarray(at, at + b.k));
    common += b.rows.subarray(at, at + b.k).reduce((sum, row) => sum + (own.has(row) ? 1 : 0), 0);
  }
  return common / b.rows.length;
}

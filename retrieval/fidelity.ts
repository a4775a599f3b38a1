// What a partly refreshed index gets wrong, against a full re-encode with the same query vectors.
import { discount } from './metrics.js';
import { orderFidelity, type OrderFidelity } from './order-fidelity.js';
import { rewardRanks } from './ranks.js';
import type { RefreshSearch } from './refresh/policy.js';
import type { ValidSamples } from './rollouts.js';
import { cosine, vectorOf, type VectorIndex } from './vector-index.js';

export interface FidelityInput {
  served: VectorIndex;
  full: VectorIndex;
  samples: Pick<ValidSamples, 'embeddings' | 'positives' | 'groups'>;
  /** What the reward uses instead of the ranks in `served`, one a sample. */
  ranks?: ArrayLike<number>;
  duplicatesOf: (row: number) => readonly number[];
  search: RefreshSearch;
}

export interface Fidelity extends OrderFidelity {
  /** Share of the full index's first 10 that the served one also has among its first 10. */
  recallAt10: number;
  /** Mean |rank used - rank full| of the gold. */
  rankShift: number;
  /** Mean reward (1/log2(1+rank)) used minus full: above 0, the ranks flatter. */
  rewardGap: number;
  /** Mean 1 - cos(served, full) over the rows that have a direction in both; null when none has. */
  drift: number | null;
}

/** Figures over all samples; there must be one. */
export async function fidelityOf(input: FidelityInput): Promise<Fidelity> {
  const { embeddings: queries, positives, groups } = input.samples;
  const ranksIn = (index: VectorIndex): Promise<Int32Array> =>
    rewardRanks({ index, queries, positives, duplicatesOf: input.duplicatesOf }, input.search.count);
  const used = input.ranks ?? (await ranksIn(input.served));
  const full = await ranksIn(input.full);
  let shift = 0;
  let gap = 0;
  full.forEach((rank, i) => {
    shift += Math.abs((used[i] as number) - rank);
    gap += discount(used[i] as number) - discount(rank);
  });
  const n = positives.length;
  return {
    ...orderFidelity(used, full, groups),
    recallAt10: await overlap(input),
    rankShift: shift / n,
    rewardGap: gap / n,
    drift: meanDrift(input.served, input.full),
  };
}

async function overlap({ served, full, samples, search }: FidelityInput): Promise<number> {
  const a = await search.top({ index: served, queries: samples.embeddings, k: 10 });
  const b = await search.top({ index: full, queries: samples.embeddings, k: 10 });
  let common = 0;
  for (let at = 0; at < b.rows.length; at += b.k) {
    const own = new Set(a.rows.subarray(at, at + b.k));
    common += b.rows.subarray(at, at + b.k).reduce((sum, row) => sum + (own.has(row) ? 1 : 0), 0);
  }
  return common / b.rows.length;
}

function meanDrift(served: VectorIndex, full: VectorIndex): number | null {
  let sum = 0;
  let count = 0;
  for (let row = 0; row < full.rows; row++) {
    const moved = 1 - cosine(vectorOf(served, row), vectorOf(full, row));
    if (!Number.isFinite(moved)) continue;
    sum += moved;
    count++;
  }
  return count === 0 ? null : sum / count;
}

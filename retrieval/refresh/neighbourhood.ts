// Re-encodes what this iteration's rewards depend on, within the budget and in this order: a uniform probe (its share is set aside), the golds,
// the best candidates of each rollout in the served index, the ring of nearest neighbours around golds and candidates, and then
// the rows that were encoded longest ago. The neighbours are searched when needed: no graph is kept that could go stale.
import { drawWithout, seededRandom } from '../random.js';
import { gatherRows, vectorOf } from '../vector-index.js';
import type { RefreshInput, RefreshPolicy } from './policy.js';

export const neighbourhood: RefreshPolicy = async (input) => {
  const isStale = new Set(input.stale);
  const chosen = new Set<number>();
  const take = (row: number): void => {
    if (chosen.size < input.budget && isStale.has(row)) chosen.add(row);
  };
  const probe = drawWithout(input.stale, Math.round(input.probe * input.budget), seededRandom(input.seed, 'probe'));
  probe.forEach(take);
  input.golds.forEach(take);
  const candidates = chosen.size < input.budget ? await candidatesOf(input) : [];
  candidates.forEach(take);
  if (chosen.size < input.budget && input.ring > 0)
    (await ringOf(input, [...input.golds, ...candidates])).forEach(take);
  if (chosen.size < input.budget) oldestFirst(input).forEach(take);
  return { rows: ascending(chosen), probe: ascending(probe) };
};

/** The rollouts' best rows, all first ones before all second ones, each once. */
async function candidatesOf({ index, embeddings, top, search }: RefreshInput): Promise<number[]> {
  if (embeddings.length === 0) return [];
  const found = await search({ index, queries: embeddings, k: top });
  return byPlace(found.rows, found.k);
}

/** The nearest neighbours of some rows, all nearest ones before all second nearest ones, each once. */
async function ringOf({ index, ring, search }: RefreshInput, around: readonly number[]): Promise<number[]> {
  const centres = [...new Set(around)].filter((row) => vectorOf(index, row).every(Number.isFinite));
  if (centres.length === 0) return [];
  // One more, because a row is mostly its own nearest neighbour.
  const found = await search({ index, queries: gatherRows(index, centres), k: ring + 1 });
  return byPlace(found.rows, found.k);
}

function byPlace(rows: Int32Array, k: number): number[] {
  const ordered = new Set<number>();
  for (let place = 0; place < k; place++) {
    for (let i = place; i < rows.length; i += k) ordered.add(rows[i] as number);
  }
  return [...ordered];
}

const oldestFirst = ({ stale, versionOf }: RefreshInput): number[] =>
  stale.toSorted((a, b) => versionOf(a) - versionOf(b) || a - b);

const ascending = (rows: Iterable<number>): number[] => [...rows].sort((a, b) => a - b);

// Re-encodes what this iteration's rewards depend on, within the budget and in this order: a uniform probe (its share is set aside), the golds,
// the best candidates of each rollout in the served index, the ring of nearest neighbours around golds and candidates, and then
// the rows that were encoded longest ago. The neighbours are searched when needed: no graph is kept that could go stale.
import { gatherRows, vectorOf } from '../vector-index.js';
import { chooseInOrder } from './in-order.js';
import { oldestFirst } from './oldest.js';
import type { RefreshInput, RefreshPolicy } from './policy.js';

export const neighbourhood: RefreshPolicy = (input) =>
  chooseInOrder(input, [{ from: neighbourhoodOrder(input) }, { from: oldestFirst(input) }]);

/** Golds, then candidates, then the ring around both. */
export async function* neighbourhoodOrder(input: RefreshInput): AsyncGenerator<readonly number[]> {
  const { golds } = input.samples;
  yield golds;
  const candidates = await candidatesOf(input);
  yield candidates;
  if (input.options.ring > 0) yield await ringOf(input, [...golds, ...candidates]);
}

/** The rollouts' best rows, all first ones before all second ones, each once. */
async function candidatesOf({ index, samples, options, search }: RefreshInput): Promise<number[]> {
  if (samples.embeddings.length === 0) return [];
  const found = await search.top({ index, queries: samples.embeddings, k: options.top });
  return byPlace(found.rows, found.k);
}

/** The nearest neighbours of some rows, all nearest ones before all second nearest ones, each once. */
async function ringOf({ index, options, search }: RefreshInput, around: readonly number[]): Promise<number[]> {
  const centres = [...new Set(around)].filter((row) => vectorOf(index, row).every(Number.isFinite));
  if (centres.length === 0) return [];
  // One more, because a row is mostly its own nearest neighbour.
  const found = await search.top({ index, queries: gatherRows(index, centres), k: options.ring + 1 });
  return byPlace(found.rows, found.k);
}

function byPlace(rows: Int32Array, k: number): number[] {
  const ordered = new Set<number>();
  for (let place = 0; place < k; place++) {
    for (let i = place; i < rows.length; i += k) ordered.add(rows[i] as number);
  }
  return [...ordered];
}

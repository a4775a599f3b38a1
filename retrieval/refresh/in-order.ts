// Fills the budget from sources, one after the other: each source names rows, best first, and may take a share.
import { drawWithout, seededRandom } from '../random.js';
import type { RefreshChoice, RefreshInput } from './policy.js';

/** Rows in order of preference, a batch at a time, so that what is expensive to find is looked for only while there is budget. */
export type RowOrder = AsyncIterable<readonly number[]> | Iterable<readonly number[]>;

/**
 * The choice of a uniform probe (its share of the budget is set aside first) and then of the sources in turn, `most` rows of each at
 * most. A row is taken once, and only when it is stale. Pure, but for what the sources do.
 */
export async function chooseInOrder(
  input: RefreshInput,
  sources: readonly { from: RowOrder; most?: number }[],
): Promise<RefreshChoice> {
  const isStale = new Set(input.stale);
  const probe = drawProbe(input);
  const chosen = new Set(probe);
  for (const { from, most = Infinity } of sources) {
    const end = Math.min(input.budget, chosen.size + most);
    if (chosen.size >= end) continue;
    for await (const rows of from) {
      for (const row of rows) if (chosen.size < end && isStale.has(row)) chosen.add(row);
      if (chosen.size >= end) break;
    }
  }
  return { rows: ascending(chosen), probe: ascending(probe) };
}

/** The probe in the order drawn: uniform among the stale rows, at most its share of the budget. Pure. */
export const drawProbe = ({ stale, budget, options, seed }: RefreshInput): number[] =>
  drawWithout(stale, Math.round(options.probe * budget), seededRandom(seed, 'probe'));

/** Rows in ascending order. Pure. */
export const ascending = (rows: Iterable<number>): number[] => [...rows].sort((a, b) => a - b);

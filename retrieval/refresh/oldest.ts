// Re-encodes the rows that were encoded longest ago, so that every row has its turn: with a budget of 5 % within 20 refreshes.
import { chooseInOrder } from './in-order.js';
import type { RefreshInput, RefreshPolicy } from './policy.js';

export const oldest: RefreshPolicy = (input) => chooseInOrder(input, [{ from: oldestFirst(input) }]);

/** All stale rows by the refresh that made them, those of one refresh by number. Sorted only when it is asked for. */
export function* oldestFirst({ stale, versionOf }: RefreshInput): Generator<readonly number[]> {
  yield stale.toSorted((a, b) => versionOf(a) - versionOf(b) || a - b);
}

// The refresh policies by the names that pipelines use.
import { adaptive } from './adaptive.js';
import { drift } from './drift.js';
import { full } from './full.js';
import { mixture } from './mixture.js';
import { neighbourhood } from './neighbourhood.js';
import { none } from './none.js';
import { oldest } from './oldest.js';
import type { RefreshPolicy } from './policy.js';
import { random } from './random.js';

/** `frozen` encodes nothing, as `none` does; it says that this is meant: the documents' encoder is another than the queries'. */
export const refreshPolicies = {
  none,
  frozen: none,
  full,
  neighbourhood,
  random,
  oldest,
  mixture,
  drift,
  adaptive,
} satisfies Record<string, RefreshPolicy>;

export type RefreshPolicyName = keyof typeof refreshPolicies;

/** Rows that a budget allows: a share of all rows, rounded, or a number; at least 1, at most all. Pure. */
export function budgetRows(budget: { fraction: number } | { docs: number }, rows: number): number {
  const asked = 'fraction' in budget ? Math.round(budget.fraction * rows) : budget.docs;
  return Math.min(rows, Math.max(1, asked));
}

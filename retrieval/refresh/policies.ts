// The refresh policies by the names that pipelines use.
import { full } from './full.js';
import { neighbourhood } from './neighbourhood.js';
import { none } from './none.js';
import type { RefreshPolicy } from './policy.js';

export const refreshPolicies = { none, full, neighbourhood } satisfies Record<string, RefreshPolicy>;

export type RefreshPolicyName = keyof typeof refreshPolicies;

/** Rows that a budget allows: a share of all rows, rounded, or a number; at least 1, at most all. Pure. */
export function budgetRows(budget: { fraction: number } | { documents: number }, rows: number): number {
  const asked = 'fraction' in budget ? Math.round(budget.fraction * rows) : budget.documents;
  return Math.min(rows, Math.max(1, asked));
}

// Re-encodes rows drawn uniformly from the stale ones: all of them are a probe, so its drift has the least error for the budget.
import { drawWithout, seededRandom } from '../random.js';
import { ascending } from './in-order.js';
import type { RefreshPolicy } from './policy.js';

export const random: RefreshPolicy = ({ stale, budget, seed }) => {
  const rows = ascending(drawWithout(stale, budget, seededRandom(seed, 'probe')));
  return Promise.resolve({ rows, probe: rows });
};

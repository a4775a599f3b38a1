// What index.refresh leaves beside the rows of an index, and says of it: a correction of stale rows, and estimated ranks.
import type { Refreshed } from '../../retrieval/refresh/run-policy.js';
import type { Corrector } from '../../retrieval/refresh/fit-map.js';
import type { ServedBeside } from '../../retrieval/write-index.js';
import type { KindInput } from '../kind.js';
import { artifactInput, stringInput } from './inputs.js';

/** What is written beside the rows. */
export function servedBeside(inputs: Record<string, KindInput>, { corrected, estimate }: Refreshed): ServedBeside {
  const beside: ServedBeside = {};
  if (corrected?.correction != null)
    beside.correction = { ...corrected.correction, by: stringInput(inputs, 'correct') as Corrector };
  if (estimate != null && stringInput(inputs, 'ranks') === 'estimated')
    beside.estimate = { rollouts: artifactInput(inputs, 'rollouts').identity, ranks: Float32Array.from(estimate.used) };
  return beside;
}

/** null without an estimate; 0 where the budget ended before anything could be said. */
export const estimateMetrics = ({ estimate }: Refreshed): Record<string, number | null> => ({
  agreement_lower: estimate === undefined ? null : (estimate?.lower ?? 0),
  target_met: estimate === undefined ? null : Number(estimate?.isMet ?? false),
  rounds: estimate === undefined ? null : (estimate?.rounds ?? 0),
});

/** null without a correction; `left` rows stay stale. */
export const correctionMetrics = ({ corrected }: Refreshed, left: number): Record<string, number | null> => ({
  corrected: corrected === null ? null : corrected.correction === null ? 0 : left,
  correction_before: corrected?.before ?? null,
  correction_after: corrected?.after ?? null,
});

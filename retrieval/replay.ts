// A refresh policy run along a recorded trajectory: an index that follows the recorded policies within a budget, measured at every
// iteration against the whole corpus as that iteration's policy embeds it. All policies see the same trajectory, so they can be compared in pairs.
import { duplicatesOf } from './corpus.js';
import { fidelityOf, type Fidelity } from './fidelity.js';
import { driftOf, freshnessOf, lagOf, staleRows } from './freshness.js';
import { budgetRows, type RefreshPolicyName } from './refresh/policies.js';
import type { RefreshOptions, RefreshSearch } from './refresh/policy.js';
import { runPolicy } from './refresh/run-policy.js';
import type { OpenTrajectory } from './trajectory.js';
import { gatherRows, overwriteRows } from './vector-index.js';

export interface ReplayRun {
  policy: RefreshPolicyName;
  budget: { fraction: number } | { docs: number };
  options: RefreshOptions;
  seed: number;
}

/** What one iteration of one run was like. */
export interface ReplayLine extends Omit<Fidelity, 'drift'> {
  /** From 1: the index of iteration 0 is built by its own policy. */
  iteration: number;
  /** Documents re-encoded. */
  encoded: number;
  /** Mean 1 - cos of the probe before it is written; null without a probe. */
  drift: number | null;
  /** Mean 1 - cos of all rows, served against full. */
  driftFull: number | null;
  /** Mean age of a row in refreshes. */
  lag: number;
  /** Whether stale rows were moved, and the mean 1 - cos of held-out rows without and with it; null where no corrector is asked for. */
  corrected: { isUsed: boolean; before: number | null; after: number | null } | null;
}

/** The lines of a run, and how long its policy took to choose, in seconds an iteration. An iteration without a valid sample has no line. */
export async function replay(
  trajectory: OpenTrajectory,
  run: ReplayRun,
  search: RefreshSearch,
): Promise<{ lines: ReplayLine[]; seconds: number[] }> {
  const { iterations } = trajectory.manifest;
  const served = await trajectory.full(0);
  const encoders = [{ id: 0, model: iterations[0]?.model ?? '', version: 0 }];
  const lines: ReplayLine[] = [];
  const seconds: number[] = [];
  for (let iteration = 1; iteration < iterations.length; iteration++) {
    const full = await trajectory.full(iteration);
    const samples = await trajectory.samples(iteration);
    const model = iterations[iteration]?.model ?? '';
    const freshness = freshnessOf(served, { encoders }, model);
    const start = performance.now();
    const { rows, vectors, probe, corrected, ...rest } = await runPolicy(run.policy, {
      ...{ index: served, stale: staleRows(served, freshness), versionOf: freshness.versionOf, version: iteration },
      ...{ samples, options: run.options, seed: run.seed + iteration, search },
      budget: budgetRows(run.budget, served.rows),
      duplicatesOf: (row) => duplicatesOf(trajectory.corpus, row),
      encode: (asked) => Promise.resolve(gatherRows(full, asked)),
    });
    seconds.push((performance.now() - start) / 1000);
    const drift = rows.length === 0 ? null : driftOf(served, rows, vectors, probe);
    const lag = lagOf({ index: served, freshness, version: iteration, refreshed: new Set(rows) }).mean;
    encoders.push({ id: iteration, model, version: iteration });
    overwriteRows(served, rows, vectors, iteration);
    if (samples.places.length === 0) continue;
    const correction = corrected?.correction ?? null;
    const common = {
      served: correction === null ? served : { ...served, correction },
      full,
      samples,
      search,
      duplicatesOf: (row: number) => duplicatesOf(trajectory.corpus, row),
    };
    const { drift: driftFull, ...figures } = await fidelityOf({ ...common, ...ranksOf(rest) });
    lines.push({
      ...{ iteration, encoded: rows.length, ...figures, drift, driftFull, lag },
      corrected: corrected && { isUsed: correction !== null, before: corrected.before, after: corrected.after },
    });
  }
  return { lines, seconds };
}

/** The ranks that a policy would have the reward use instead of those in the index, where it says any. */
function ranksOf(rest: object): { ranks?: ArrayLike<number> } {
  const { estimate } = rest as { estimate?: { used: ArrayLike<number> } | null };
  return estimate == null ? {} : { ranks: estimate.used };
}

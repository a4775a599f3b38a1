// How a level as a whole ended, from how its nodes did.
import { CancelledFailure } from '@temporalio/common';
import type { Outcomes, Run } from './level.js';
import type { FailureView } from './status.js';

export type LevelEnd =
  | { status: 'done' }
  | { status: 'failed'; failures: FailureView[]; failFast: boolean }
  | { status: 'cancelled'; error: CancelledFailure }
  | { status: 'left' };

/** A cancelled run ends as cancelled, whatever failed on the way; else every failure counts. Pure. */
export function endOf(run: Run, outcomes: Outcomes): LevelEnd {
  const all = Object.values(outcomes);
  if (run.cancelled()) return { status: 'cancelled', error: new CancelledFailure('the run was cancelled') };
  if (all.some((outcome) => outcome.status === 'left')) return { status: 'left' };
  const failed = all.filter((outcome) => outcome.status === 'failed');
  if (failed.length === 0) return { status: 'done' };
  return {
    status: 'failed',
    failures: failed.flatMap(({ failures }) => failures),
    failFast: failed.some(({ failFast }) => failFast),
  };
}

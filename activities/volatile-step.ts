// A step between two clicks of a loop: computed as any other, held by this worker instead of being committed. No claim:
// nobody else may use the result. A step that stands in the store, or is held here already, is not computed again.
import { checkOutputs, standingResult, toldOf } from './commit-step.js';
import type { CommitVolatileInput, CommitVolatileOutput, StepCall, VolatileStep } from './calls.js';
import { commitAttempt, removeCheckpoints, type DoneAttempt } from './commit-attempt.js';
import type { Host } from './host.js';
import { refuseForeignStore } from './host.js';
import { StepFailure } from './kind.js';
import type { Made } from './volatile-results.js';

/** A result, whether it was there before this attempt, and whether only this worker has it. */
export interface Ended {
  made: Made;
  found: boolean;
  volatile: boolean;
}

/** The result that stands or is held here; else what `work` makes, which is held. */
export async function heldHere(
  host: Host,
  call: StepCall & { volatile: VolatileStep },
  work: () => Promise<DoneAttempt>,
): Promise<Ended> {
  host.volatile.begin(call.volatile);
  const standing = await standingResult(host.store, call.key);
  if (standing !== null) return { made: standing, found: true, volatile: false };
  const held = host.volatile.find(call.key, call.volatile);
  if (held !== null) return { made: held.made, found: true, volatile: true };
  const done = await work();
  const outputs = await checkOutputs(call, done.folder);
  await removeCheckpoints(call, done.checkpoints);
  const { metrics, startedAt, endedAt, resumedFrom, warnings } = done;
  const seconds = (endedAt - startedAt) / 1000;
  const made = { key: call.key, run: call.run.workflowId, metrics, seconds, resumedFrom, outputs, ...toldOf(warnings) };
  const from = { attemptFolder: done.folder, step: call.volatile };
  const commit = (folder: string): Promise<Made> => commitAttempt(host, { ...done, folder });
  return { made: await host.volatile.hold(made, from, commit), found: false, volatile: true };
}

/**
 * Commits the results that a click carries, then drops the others of the loop, unless the next iteration reads on. Safe to run
 * again. Fails with volatile_lost when one is neither held here nor in the store.
 */
export async function commitHeld(
  host: Host,
  { run, loop, keys, isRead = false }: CommitVolatileInput,
): Promise<CommitVolatileOutput> {
  refuseForeignStore(host, run);
  let isOther = false;
  for (const key of keys) {
    const standing = (await standingResult(host.store, key)) ?? (await committedHere(host, key));
    isOther ||= standing.run !== run.workflowId;
  }
  if (!isRead) host.volatile.drop(loop);
  return { isOther };
}

async function committedHere({ volatile }: Host, key: string): Promise<Pick<Made, 'run'>> {
  const held = volatile.get(key);
  if (held === null) throw volatileLost(key);
  return held.commit();
}

/** A result that was held by a worker which is gone. Pure. */
export const volatileLost = (key: string): StepFailure =>
  new StepFailure(
    'volatile_lost',
    `The result ${key} was kept between two clicks by a worker that is gone, or on another host. The loop goes back to its last click.`,
    { key },
  );

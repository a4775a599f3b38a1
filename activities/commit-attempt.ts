// What an attempt has made goes into the store: its journal, its outputs, then the result, once.
import type { Derivation, Result } from '../schemas/generated/records.js';
import { hasArtifact } from '../store/artifacts.js';
import { restoring, type Seen } from '../store/collection.js';
import { names } from '../store/store.js';
import type { StepCall } from './calls.js';
import type { CheckpointKeeper } from './checkpoint-keeper.js';
import { commitStep, storeOutputs } from './commit-step.js';
import type { Host } from './host.js';
import type { AttemptJournal } from './journal.js';

/** An attempt that has computed everything and committed nothing. */
export interface DoneAttempt {
  call: StepCall;
  derivation: Derivation;
  attempt: string;
  /** Its outputs are the folders <folder>/outputs/<name>. */
  folder: string;
  metrics: Record<string, number | null>;
  /** Milliseconds since the epoch. */
  startedAt: number;
  endedAt: number;
  /** Seconds of its shards; 0 without. */
  shardSeconds: number;
  resumedFrom: number | null;
  provenance: Record<string, string>;
  journal: AttemptJournal;
  checkpoints: CheckpointKeeper;
  /** What a person should know of how it was made. */
  warnings: string[];
  /** What was seen of collections before it began to store anything. */
  collections: Seen;
}

/** Commits. Returns the result that stands: this one, or an earlier one. Safe to run again. */
export async function commitAttempt(
  { store, tracker, observer }: Pick<Host, 'store' | 'tracker' | 'observer'>,
  { folder, journal, checkpoints, collections, ...done }: DoneAttempt,
): Promise<Result> {
  const { call, attempt } = done;
  // All on its way to the disk at once; the result gets its name when the rest is there.
  const flushed = journal.flush();
  flushed.catch(() => undefined); // told by the commit
  const { outputs, stored } = await storeOutputs(store, call, folder);
  const all = Promise.all([flushed, stored]);
  all.catch(() => undefined); // the same
  const { committed, result } = await commitStep(store, {
    ...done,
    outputs,
    stored: all,
    journal: journal.hasPoints() ? attempt : null,
  });
  // What it shares with older artifacts may have been collected while nothing said that it is needed again.
  await restoring(store, names.result(call.key), collections, async () => {
    const there = await Promise.all(Object.values(outputs).map((output) => hasArtifact(store, output)));
    if (there.every(Boolean)) return false;
    await (
      await storeOutputs(store, call, folder)
    ).stored;
    return true;
  });
  await removeCheckpoints(call, checkpoints);
  const mark = { run: call.run, path: call.path, key: call.key, attempt };
  if (committed) observer.committed(call.uses, result.metrics);
  if (committed) tracker.stepCommitted({ ...mark, bytes: await flushed, kind: call.uses, metrics: result.metrics });
  return result;
}

/** A result needs none. A key of its own for checkpoints means that a longer run may go on from them. */
export async function removeCheckpoints(call: StepCall, checkpoints: CheckpointKeeper): Promise<void> {
  if (checkpoints.newest() === null) return;
  await checkpoints.removeOwn(call.checkpointKey === call.key ? 0 : call.checkpoint.keepLast);
}

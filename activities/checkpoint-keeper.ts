// The checkpoints of one attempt: stored one after the other, own old ones pruned, the journal cut where each was taken.
// I1: a checkpoint's journal offset covers exactly the points that came before it. I2: nothing of other attempts is removed.
import { rm } from 'node:fs/promises';
import { pruneCheckpoints, saveCheckpoint } from '../store/checkpoints.js';
import type { ObjectStore } from '../store/store.js';
import type { AttemptJournal } from './journal.js';

export interface CheckpointKeeper {
  /** Stores the folder as the state after `step` and removes it; resolves when it is durable. */
  save(folder: string, step: number): Promise<void>;
  /** Resolves when every save that was asked for has ended; fails with the first that failed. */
  settled(): Promise<void>;
  /** Newest stored step of this attempt; null before the first. */
  newest(): number | null;
  /** Removes this attempt's checkpoints: its result is committed. */
  removeOwn(keepLast: number): Promise<void>;
}

export interface KeeperOptions {
  store: ObjectStore;
  checkpointKey: string;
  attempt: string;
  keepLast: number;
  journal: AttemptJournal;
  provenance: () => Record<string, string>;
  clock: () => number;
  /** Called after a checkpoint is durable, with the bytes of the journal that it makes safe and the time it was taken at. */
  onSaved: (step: number, journalBytes: number, takenMs: number, bytes: number) => void;
}

/** Makes the keeper of an attempt. */
export function createCheckpointKeeper(options: KeeperOptions): CheckpointKeeper {
  const { store, checkpointKey, attempt } = options;
  let last: Promise<void> = Promise.resolve();
  let newest: number | null = null;
  const write = async (folder: string, step: number, cut: Promise<number>, takenMs: number): Promise<void> => {
    const journalOffset = await cut;
    const createdAt = new Date(options.clock()).toISOString();
    const provenance = options.provenance();
    const { bytes } = await saveCheckpoint(store, {
      checkpointKey,
      attempt,
      step,
      folder,
      journalOffset,
      provenance,
      createdAt,
    });
    newest = step;
    options.onSaved(step, journalOffset, takenMs, bytes);
    await rm(folder, { recursive: true, force: true });
    await pruneCheckpoints(store, checkpointKey, attempt, Math.max(1, options.keepLast));
  };
  return {
    save(folder, step) {
      const cut = options.journal.flush(); // at once: later points are not part of this checkpoint
      cut.catch(() => undefined);
      const takenMs = options.clock();
      const saving = last.then(() => write(folder, step, cut, takenMs));
      last = saving;
      last.catch(() => undefined);
      return saving;
    },
    settled: () => last,
    newest: () => newest,
    removeOwn: (keepLast) => pruneCheckpoints(store, checkpointKey, attempt, keepLast),
  };
}

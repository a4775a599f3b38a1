// Checkpoints: an artifact and a record that is written last; without its record a checkpoint does not exist. Attempts write
// names of their own, so that a late one spoils nothing; any attempt's newest whole one is where the next resumes.
import type { Checkpoint } from '../schemas/generated/records.js';
import { hasArtifact, ingestFolder, materialise } from './artifacts.js';
import { collectionsSeen, restoring } from './collection.js';
import { StoreError } from './errors.js';
import { listAll } from './list-all.js';
import { parseIntact, recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

export interface CheckpointToSave {
  checkpointKey: string;
  attempt: string;
  /** The step whose end it holds. */
  step: number;
  /** Its files; taken over, so they must not be changed afterwards. */
  folder: string;
  /** Bytes of the attempt's journal up to it. */
  journalOffset: number;
  provenance: Record<string, string>;
  createdAt: string;
}

/** Stores a checkpoint: files, tree, record. Durable when it resolves. Safe to run again: the first record of (attempt, step) stands. */
export async function saveCheckpoint(store: ObjectStore, checkpoint: CheckpointToSave): Promise<Checkpoint> {
  const { checkpointKey, folder, ...rest } = checkpoint;
  const seen = await collectionsSeen(store);
  const { tree, bytes } = await ingestFolder(store, folder, 'folder');
  const record: Checkpoint = { schema: 1, key: checkpointKey, tree, bytes, ...rest };
  const name = names.checkpoint(checkpointKey, record.step, record.attempt);
  const isNew = await store.createIfAbsent(name, recordBytes(record));
  await restoring(store, name, seen, async () => {
    if (await hasArtifact(store, { tree })) return false;
    await ingestFolder(store, folder, 'folder');
    return true;
  });
  return isNew ? record : ((await readCheckpoint(store, name)) ?? record);
}

/** The record of the newest checkpoint of any attempt that is whole (all files there, with their sizes); null when there is none. */
export async function newestCheckpoint(
  store: ObjectStore,
  checkpointKey: string,
  atMost = Number.POSITIVE_INFINITY,
): Promise<Checkpoint | null> {
  const objects = await listAll(store, names.checkpoints(checkpointKey));
  for (const { name } of objects.reverse()) {
    const record = await readCheckpoint(store, name);
    if (record !== null && record.step <= atMost && (await hasArtifact(store, record))) return record;
  }
  return null;
}

/**
 * Makes a checkpoint readable in a local folder, digests checked. Where one turns out damaged it is set aside and the next
 * older whole one is taken; null when none is left.
 */
export async function loadCheckpoint(
  store: ObjectStore,
  cacheDir: string,
  record: Checkpoint,
): Promise<{ path: string; record: Checkpoint } | null> {
  for (let candidate: Checkpoint | null = record; candidate !== null;) {
    try {
      return { path: await materialise(store, cacheDir, candidate.tree), record: candidate };
    } catch (error) {
      if (!(error instanceof StoreError) || error.failureClass !== 'artifact_damaged') throw error;
      const next: Checkpoint | null = await newestCheckpoint(store, record.key, record.step);
      if (next !== null && next.tree === candidate.tree) throw error; // whole by its sizes and yet unreadable: not ours to loop over
      candidate = next;
    }
  }
  return null;
}

/** Removes the records of this attempt's checkpoints but for the newest `keepLast`. Their files go when unused files are collected. */
export async function pruneCheckpoints(
  store: ObjectStore,
  checkpointKey: string,
  attempt: string,
  keepLast: number,
): Promise<void> {
  const prefix = names.checkpoints(checkpointKey);
  const own = (await listAll(store, prefix)).filter(({ name }) => attemptIn(name.slice(prefix.length)) === attempt);
  for (const { name } of keepLast > 0 ? own.slice(0, -keepLast) : own) await store.remove(name);
}

/** The attempt in `<step>-<attempt>.json`. Pure. */
const attemptIn = (name: string): string | undefined => /^\d+-(.*)\.json$/.exec(name)?.[1];

/** A record that is damaged does not count as a checkpoint. */
async function readCheckpoint(store: ObjectStore, name: string): Promise<Checkpoint | null> {
  const body = await store.get(name);
  return body === null ? null : parseIntact('checkpoint', body, name);
}

// The checkpoints of a store, each record read once, and which of them stay: those that a run may go on from, and young ones
// of steps that have no result.
import { mapLimited } from '../store/map-limited.js';
import { parseIntact } from '../store/record-json.js';
import type { ObjectInfo, ObjectStore } from '../store/store.js';
import type { CommittedResults } from './committed.js';
import type { Marker, Marks } from './marker.js';

export interface StoredCheckpoint {
  object: ObjectInfo;
  /** Checkpoint key; that of the step but for kinds whose steps can be made longer. */
  key: string;
  tree: string;
  /** The journal up to it, as `<step key>/<attempt>`. */
  journal: string;
}

/** Reads all records; a damaged one is no checkpoint. */
export async function readCheckpoints(store: ObjectStore, objects: readonly ObjectInfo[]): Promise<StoredCheckpoint[]> {
  const found = await mapLimited(objects, 16, async (object) => {
    const body = await store.get(object.name);
    const record = body === null ? null : parseIntact('checkpoint', body, object.name);
    if (record === null) return null;
    const { key, tree, attempt, provenance } = record;
    return { object, key, tree, journal: `${provenance['key'] ?? key}/${attempt}` };
  });
  return found.filter((checkpoint) => checkpoint !== null);
}

/** Whether a checkpoint stays. Pure. */
export const isHeld = (
  { object, key }: StoredCheckpoint,
  { marks, committed, keepSince }: { marks: Marks; committed: CommittedResults; keepSince: number },
): boolean => marks.checkpoints.has(key) || (object.modifiedAt >= keepSince && !committed.byKey.has(key));

/** Marks what the checkpoints that stay are made of. */
export async function markCheckpoints(
  marker: Marker,
  checkpoints: readonly StoredCheckpoint[],
  by: { committed: CommittedResults; keepSince: number },
): Promise<void> {
  for (const checkpoint of checkpoints) {
    if (!isHeld(checkpoint, { ...by, marks: marker.marks })) continue;
    marker.marks.journals.add(checkpoint.journal);
    await marker.tree(checkpoint.tree);
  }
}

// Collects what nothing needs any more: lists the store once, reads each record once, marks what the kept runs may need, and
// removes the rest in windows (store/collection.ts says how runs and a collection get along).
import { mapLimited } from '../store/map-limited.js';
import { parseIntact } from '../store/record-json.js';
import { names, type ObjectStore } from '../store/store.js';
import { beginCollection, type Collection, type Holder } from '../store/collection.js';
import { incompleteRuns } from '../tracking/cursor.js';
import { markCheckpoints, readCheckpoints } from './checkpoints.js';
import { readCommitted, type CommittedResults } from './committed.js';
import { findGarbage, type Garbage } from './garbage.js';
import { takeInventory, withInventory } from './inventory.js';
import { readKeptRuns } from './kept-runs.js';
import { createMarker, type Marker } from './marker.js';
import { markNoted } from './noted.js';
import { removeGarbage } from './remove.js';

export interface CollectOptions {
  /** Milliseconds that ended runs are kept after their end. */
  keepMs: number;
  dryRun: boolean;
  now: number;
  /** Milliseconds for which a blob that no record names is left alone. */
  youngMs?: number;
  /** Objects that are removed between two looks at what was written meanwhile. */
  windowObjects?: number;
}

export interface Collected {
  /** Another collection is under way: nothing was done. */
  heldBy: Holder | null;
  /** The collection was given up half-way; another one goes on. */
  isLost: boolean;
  /** What was removed, or would be with `dryRun`. */
  removed: Garbage[];
  kept: { running: number; ended: number; bytes: number; blobs: ReadonlySet<string> };
}

const youngByDefaultMs = 10 * 60 * 1000;
/** What writes to the store meanwhile waits for the end of a window. */
const windowByDefault = 256;

/** Collects once. Throws StoreError when the store fails, or when it cannot tell what a run that is kept needs. */
export async function collect(store: ObjectStore, options: CollectOptions): Promise<Collected> {
  if (options.dryRun) return underCollection(store, options, null);
  const collection = await beginCollection(store);
  if ('heldBy' in collection) {
    const kept = { running: 0, ended: 0, bytes: 0, blobs: new Set<string>() };
    return { heldBy: collection.heldBy, isLost: false, removed: [], kept };
  }
  const alive = setInterval(() => void collection.renew().catch(() => undefined), 2_000);
  try {
    return await underCollection(store, options, collection);
  } finally {
    clearInterval(alive);
    await collection.close();
  }
}

async function underCollection(
  store: ObjectStore,
  { now, keepMs, youngMs = youngByDefaultMs, windowObjects = windowByDefault }: CollectOptions,
  collection: Collection | null,
): Promise<Collected> {
  const horizon = { keepSince: now - keepMs, youngSince: now - youngMs };
  const inventory = await takeInventory(store);
  const { records } = inventory;
  const [runs, committed, checkpoints] = await Promise.all([
    readKeptRuns(store, records, { now, ...horizon }),
    readCommitted(store, records.results),
    readCheckpoints(store, records.checkpoints),
  ]);
  const marker = createMarker(withInventory(store, inventory), committed, now);
  for (const run of runs.runs) await marker.run(run);
  for (const hash of runs.submitted) await marker.plan(hash);
  for (const key of runs.claimed) {
    await marker.result(key);
    marker.marks.checkpoints.add(key);
  }
  await markUnreadable(marker, committed, runs.unreadable);
  await markUnsent(store, marker, committed);
  const markHeld = (): Promise<void> => markCheckpoints(marker, checkpoints, { committed, ...horizon });
  await markHeld();
  const found = { inventory, committed, checkpoints, runs, marks: marker.marks };
  const garbage = await findGarbage(store, found, horizon);
  const running = runs.runs.filter(({ state }) => state === 'running').length;
  const heed = async (noted: string[]): Promise<void> => {
    // On the store as it is now: the listing is older than what was noted.
    const fresh = createMarker(store, committed, Date.now());
    for (const name of noted) await markNoted(store, fresh, name);
    for (const kind of ['blobs', 'results', 'steps', 'checkpoints', 'journals'] as const)
      for (const mark of fresh.marks[kind]) marker.marks[kind].add(mark);
    if (noted.length > 0) await markHeld();
  };
  const { removed, isLost } =
    collection === null
      ? { removed: garbage, isLost: false }
      : await removeGarbage(store, collection, garbage, { windowObjects, now, heed });
  const total = [...inventory.blobs.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const freed = removed.reduce((sum, { name, bytes }) => sum + (name.startsWith('blobs/') ? bytes : 0), 0);
  const kept = { running, ended: runs.runs.length - running, bytes: total - freed, blobs: marker.marks.blobs };
  return { heldBy: null, isLost, removed, kept };
}

/** Of runs whose records cannot be read: all that they have committed. */
async function markUnreadable(marker: Marker, { byKey }: CommittedResults, workflowIds: string[]): Promise<void> {
  const unreadable = new Set(workflowIds);
  for (const [key, { run }] of byKey) if (unreadable.has(run)) await marker.result(key);
}

/** The journals of runs of which MLflow does not have everything, however old they are. */
async function markUnsent(store: ObjectStore, { marks }: Marker, { byKey }: CommittedResults): Promise<void> {
  const runs = await incompleteRuns(store, 0);
  const records = await mapLimited(runs, 8, async ({ workflowId, runId }) => {
    const name = names.run(workflowId, runId);
    const body = await store.get(name);
    return body === null ? null : parseIntact('run', body, name);
  });
  for (const { key } of records.flatMap((record) => record?.steps ?? []))
    if (key !== null) marks.journals.add(`${key}/${byKey.get(key)?.journal ?? ''}`);
}

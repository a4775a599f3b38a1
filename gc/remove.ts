// Removing what nothing needs, window by window; what somebody has come to need meanwhile stays. May be killed at any point:
// what is left is found again.
import { acquireClaim } from '../store/claims.js';
import type { Collection } from '../store/collection.js';
import { mapLimited } from '../store/map-limited.js';
import type { ObjectStore } from '../store/store.js';
import type { Garbage } from './garbage.js';

/**
 * Removes it and returns what was removed. `heed` is told the records that were written since, at the beginning of each window.
 * `isLost`: another collector took over, or this one slept too long.
 */
export async function removeGarbage(
  store: ObjectStore,
  collection: Collection,
  garbage: readonly Garbage[],
  { windowObjects, now, heed }: { windowObjects: number; now: number; heed: (names: string[]) => Promise<void> },
): Promise<{ removed: Garbage[]; isLost: boolean }> {
  const removed: Garbage[] = [];
  for (let start = 0; start < garbage.length; start += windowObjects) {
    if (!(await collection.nextWindow())) return { removed, isLost: true };
    await heed(await collection.notes());
    const unused = garbage.slice(start, start + windowObjects).filter((one) => one.isUnused());
    if (!(await collection.renew())) return { removed, isLost: true };
    const gone = await mapLimited(unused, 16, (one) => removeOne(store, one, now));
    removed.push(...unused.filter((_, position) => gone[position]));
  }
  return { removed, isLost: false };
}

async function removeOne(store: ObjectStore, { name, isEmptied, kind }: Garbage, now: number): Promise<boolean> {
  if (isEmptied) await store.put(name, '');
  else {
    if (kind === 'claim' && !(await isTaken(store, name, now))) return false;
    await store.remove(name);
  }
  return true;
}

/** A claim is taken before it is removed, so that nobody takes it over in between. */
async function isTaken(store: ObjectStore, name: string, now: number): Promise<boolean> {
  const key = /^claims\/(.*)\.json$/.exec(name)?.[1] ?? '';
  const owner = { key, holder: 'gc', run: 'gc', attempt: 'gc' };
  return (await acquireClaim(store, { ...owner, now, renewEveryMs: 5_000 })).state === 'acquired';
}

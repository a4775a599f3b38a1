// Stores whose removals are told first: to stop there, or to do something in the middle of a collection.
import type { ObjectStore } from '../../store/store.js';

export const day = 24 * 3600 * 1000;

/** Runs `before` ahead of each removal but those of notes. */
export const watched = (store: ObjectStore, before: (name: string) => Promise<void>): ObjectStore => ({
  ...store,
  remove: async (name) => {
    if (!name.startsWith('gc/')) await before(name);
    await store.remove(name);
  },
});

/** A store that stops ahead of the first removal that `isHere` says yes to, until it is let go. */
export function stopping(
  store: ObjectStore,
  isHere: (name: string, count: number) => boolean,
): { store: ObjectStore; stopped: Promise<void>; go: () => void } {
  let count = 0;
  let stop: () => void = () => undefined;
  let go: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const going = new Promise<void>((resolve) => (go = resolve));
  const held = watched(store, async (name) => {
    count += 1;
    if (!isHere(name, count)) return;
    stop();
    await going;
  });
  return { store: held, stopped, go };
}

// The store as planning sees it: each object is read once, each prefix listed once, and nothing is ever written.
import type { ObjectInfo, ObjectStore } from '../store/store.js';

/**
 * A view of a store that remembers what it has read and ignores every write: what is damaged is left for the run to set
 * aside. For one look; it never forgets.
 */
export function lookOnly(store: ObjectStore): ObjectStore {
  const get = once((name: string) => store.get(name));
  const getVersioned = once((name: string) => store.getVersioned(name));
  const head = once((name: string) => store.head(name));
  const listed = once((prefix: string) => collect(store.list(prefix)));
  return {
    id: store.id,
    get: async (name, range) => (range === undefined ? get(name) : store.get(name, range)),
    getVersioned,
    head,
    async *list(prefix) {
      yield* await listed(prefix);
    },
    toFile: (name, path) => store.toFile(name, path),
    createIfAbsent: () => Promise.resolve(false),
    compareAndSwap: () => Promise.resolve(false),
    createFromFile: (name) => Promise.resolve({ name, bytes: 0, modifiedAt: 0, created: false }),
    put: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
}

function once<Value>(read: (name: string) => Promise<Value>): (name: string) => Promise<Value> {
  const known = new Map<string, Promise<Value>>();
  return (name) => {
    const found = known.get(name) ?? read(name);
    known.set(name, found);
    return found;
  };
}

async function collect(objects: AsyncIterable<ObjectInfo>): Promise<ObjectInfo[]> {
  const all: ObjectInfo[] = [];
  for await (const object of objects) all.push(object);
  return all;
}

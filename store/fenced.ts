// A store whose writes are asked about first: for a process that may have been stopped for so long that another one does its work.
import type { ObjectStore } from './store.js';
import { shareVerified } from './verified.js';

/** The store with `confirm` awaited before every write; its failure is the write's. Reads go straight through. */
export function fencedStore(store: ObjectStore, confirm: () => Promise<void>): ObjectStore {
  const fenced: ObjectStore = {
    ...store,
    createIfAbsent: async (name, body, options) => {
      options?.after?.catch(() => undefined); // told by the write, which may be refused before it looks
      await confirm();
      if (options?.after === undefined) return store.createIfAbsent(name, body, options);
      const after = options.after.then(confirm); // it may have taken long
      after.catch(() => undefined); // told by the write
      return store.createIfAbsent(name, body, { ...options, after });
    },
    compareAndSwap: async (name, etag, body) => {
      await confirm();
      return store.compareAndSwap(name, etag, body);
    },
    put: async (name, body) => {
      await confirm();
      return store.put(name, body);
    },
    createFromFile: async (name, path, options) => {
      await confirm();
      return store.createFromFile(name, path, options);
    },
    remove: async (name) => {
      await confirm();
      return store.remove(name);
    },
  };
  shareVerified(store, fenced);
  return fenced;
}

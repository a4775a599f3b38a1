// Which blobs this process has hashed itself, so that what it has just stored is not hashed again when it is read.
// Forgotten with the process, and void when the blob's file changes: size and time of change are part of the memory.
import { names } from './store.js';
import type { ObjectInfo, ObjectStore } from './store.js';

const memory = new WeakMap<ObjectStore, Map<string, string>>();

/** Lets another view of a store share what is known of it. */
export function shareVerified(store: ObjectStore, view: ObjectStore): void {
  const known = memory.get(store) ?? new Map<string, string>();
  memory.set(store, known).set(view, known);
}

/** Remembers that the blob as it is now matches its digest. */
export function rememberVerified(store: ObjectStore, digest: string, info: ObjectInfo): void {
  const known = memory.get(store) ?? new Map<string, string>();
  memory.set(store, known.set(names.blob(digest), stamp(info)));
}

/** Whether this process has hashed the blob and it has not changed since. */
export function isVerified(store: ObjectStore, digest: string, info: ObjectInfo): boolean {
  return memory.get(store)?.get(names.blob(digest)) === stamp(info);
}

const stamp = ({ bytes, modifiedAt }: ObjectInfo): string => `${bytes}-${modifiedAt}`;

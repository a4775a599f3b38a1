// A listing of the store as an array.
import type { ObjectInfo, ObjectStore } from './store.js';

/** All objects whose names begin with `prefix`, sorted by name. */
export async function listAll(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of store.list(prefix)) objects.push(object);
  return objects;
}

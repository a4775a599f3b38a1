// What lies in a store: one listing, by what the names begin with.
import type { ObjectInfo, ObjectStore } from '../store/store.js';

/** The kinds of records that a collection looks at. */
const families = [
  'checkpoints',
  'claims',
  'cursors',
  'journals',
  'logs',
  'loops',
  'plans',
  'quarantine',
  'results',
  'runs',
  'sources',
] as const;
type Family = (typeof families)[number];

export interface Inventory {
  /** Blobs by hex digest. */
  blobs: Map<string, { bytes: number; modifiedAt: number }>;
  records: Record<Family, ObjectInfo[]>;
}

/** Lists the whole store once. What is none of the families is nobody's business here. */
export async function takeInventory(store: ObjectStore): Promise<Inventory> {
  const blobs: Inventory['blobs'] = new Map();
  const records = Object.fromEntries(families.map((family) => [family, []])) as unknown as Inventory['records'];
  for await (const object of store.list('')) {
    const { name, bytes, modifiedAt } = object;
    const slash = name.indexOf('/');
    const family = families.find((one) => one === name.slice(0, slash));
    if (family !== undefined) records[family].push(object);
    else if (name.startsWith('blobs/')) blobs.set(name.slice(name.lastIndexOf('/') + 1), { bytes, modifiedAt });
  }
  return { blobs, records };
}

/** The store with the sizes of blobs from the listing, so that looking whether an artifact is whole asks nobody. */
export const withInventory = (store: ObjectStore, { blobs }: Inventory): ObjectStore => ({
  ...store,
  head: (name) => {
    if (!name.startsWith('blobs/')) return store.head(name);
    const found = blobs.get(name.slice(name.lastIndexOf('/') + 1));
    return Promise.resolve(found === undefined ? null : { name, ...found });
  },
});

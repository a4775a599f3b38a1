// The committed results of a store, each read once, with what a collection asks of them.
import type { Result } from '../schemas/generated/records.js';
import { mapLimited } from '../store/map-limited.js';
import { parseIntact } from '../store/record-json.js';
import type { ObjectInfo, ObjectStore } from '../store/store.js';

/** A result, as far as it matters here: a hundred thousand of them must fit into memory. */
export interface Committed {
  run: string;
  journal: string | null;
  outputs: { type: string; tree: string }[];
}

export interface CommittedResults {
  byKey: Map<string, Committed>;
  /** Every value that an environment field has in a key, e.g. the versions of Python: runs may be at work with any of them. */
  environments: Map<string, Set<string>>;
}

/** Reads all results; a damaged one counts as none. Throws `worker_outdated` for one from a newer version. */
export async function readCommitted(store: ObjectStore, objects: readonly ObjectInfo[]): Promise<CommittedResults> {
  const byKey = new Map<string, Committed>();
  const environments = new Map<string, Set<string>>();
  await mapLimited(objects, 16, async ({ name }) => {
    const body = await store.get(name);
    const result = body === null ? null : parseIntact('result', body, name);
    if (result === null) return;
    byKey.set(result.key, committedOf(result));
    for (const [field, value] of Object.entries(result.derivation.environment))
      environments.set(field, (environments.get(field) ?? new Set()).add(value));
  });
  return { byKey, environments };
}

/** What matters of a result. Pure. */
export const committedOf = ({ run, journal, outputs }: Result): Committed => ({
  run,
  journal,
  outputs: Object.values(outputs).map(({ type, tree }) => ({ type, tree })),
});

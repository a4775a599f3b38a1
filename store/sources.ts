// What plans were compiled from, by the plan's hash: kept when a run is submitted, so that `pawl resume --set` needs no file.
import type { Source } from '../schemas/generated/records.js';
import { parseRecord, recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

/** Keeps the source of a plan; the first of several that give the same plan stays. */
export async function putSource(store: ObjectStore, planHash: string, source: Source): Promise<void> {
  await store.createIfAbsent(names.source(planHash), recordBytes(source));
}

/** The source of a plan; null when none was kept. */
export async function readSource(store: ObjectStore, planHash: string): Promise<Source | null> {
  const name = names.source(planHash);
  const body = await store.get(name);
  return body === null ? null : parseRecord('source', body, name);
}

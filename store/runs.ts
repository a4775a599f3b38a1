// Run records: what a run did, for reports, diffs and estimates. One writer a run, so they are replaced in place; the last one
// stays, whatever a worker that was stopped for a while still writes.
import type { RunRecord } from '../schemas/generated/records.js';
import { listAll } from './list-all.js';
import { mapLimited } from './map-limited.js';
import { parseIntact, parseRecord, recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectInfo, ObjectStore } from './store.js';

/** Writes the record of a run over the one before; that of a run that has ended is not replaced by one of before its end. */
export async function writeRun(store: ObjectStore, record: RunRecord): Promise<void> {
  const name = names.run(record.workflowId, record.runId);
  const standing = record.endedAt === null ? await store.get(name) : null;
  const hasEnded = standing !== null && (parseIntact('run', standing, name)?.endedAt ?? null) !== null;
  if (!hasEnded) await store.put(name, recordBytes(record));
}

/** The record of one execution; null when there is none. */
export async function readRun(store: ObjectStore, workflowId: string, runId: string): Promise<RunRecord | null> {
  const name = names.run(workflowId, runId);
  const body = await store.get(name);
  return body === null ? null : parseRecord('run', body, name);
}

/** All runs, or those of one pipeline, the one that started last first. Reads every record; a damaged one is left out. */
export async function listRuns(store: ObjectStore, pipeline?: string): Promise<RunRecord[]> {
  return readAll(store, await listAll(store, pipeline === undefined ? runsPrefix : prefixOf(pipeline)));
}

/**
 * The runs that were written last: so many of a pipeline, then so many of others; in each the one that started last first.
 * One listing of names; reads only those records. A damaged one is left out.
 */
export async function newestRuns(
  store: ObjectStore,
  pipeline: string,
  atMost: { own: number; others: number },
): Promise<RunRecord[]> {
  const objects = await listAll(store, runsPrefix);
  const isOwn = ({ name }: ObjectInfo): boolean => name.startsWith(prefixOf(pipeline));
  const newest = (some: ObjectInfo[], count: number): ObjectInfo[] =>
    some.sort((a, b) => b.modifiedAt - a.modifiedAt || (a.name < b.name ? -1 : 1)).slice(0, count);
  const own = newest(objects.filter(isOwn), atMost.own);
  const others = newest(
    objects.filter((object) => !isOwn(object)),
    atMost.others,
  );
  return [...(await readAll(store, own)), ...(await readAll(store, others))];
}

const runsPrefix = 'runs/';
const prefixOf = (pipeline: string): string => `${runsPrefix}${encodeURIComponent(`${pipeline}/`)}`;

async function readAll(store: ObjectStore, objects: readonly ObjectInfo[]): Promise<RunRecord[]> {
  const records = await mapLimited(objects, 8, async ({ name }) => {
    const body = await store.get(name);
    return body === null ? null : parseIntact('run', body, name);
  });
  return records
    .filter((record) => record !== null)
    .sort((a, b) => (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0));
}

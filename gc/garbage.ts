// What goes: everything that the marks do not hold, by what it is.
import { names, type ObjectInfo, type ObjectStore } from '../store/store.js';
import { isHeld, type StoredCheckpoint } from './checkpoints.js';
import type { CommittedResults } from './committed.js';
import type { Inventory } from './inventory.js';
import type { KeptRuns } from './kept-runs.js';
import { blobsOf, type Marks } from './marker.js';

/** An object to remove. */
export interface Garbage {
  name: string;
  bytes: number;
  /** Model, dataset, …, checkpoint, journal, log, claim, plan, quarantine, `other files`. */
  kind: string;
  /** Asked again right before: something may have come to need it. */
  isUnused: () => boolean;
  /** Bytes that were set aside: emptied, because caches of hosts look at when it was. */
  isEmptied: boolean;
}

interface Horizon {
  /** Blobs that are younger belong to something whose record is still to come. */
  youngSince: number;
  keepSince: number;
}

interface Found {
  inventory: Inventory;
  committed: CommittedResults;
  checkpoints: readonly StoredCheckpoint[];
  runs: KeptRuns;
  marks: Marks;
}

/** In the order in which it is removed: records before what they name. */
export async function findGarbage(store: ObjectStore, found: Found, horizon: Horizon): Promise<Garbage[]> {
  const { inventory, marks, committed } = found;
  const held = { marks, committed, keepSince: horizon.keepSince };
  const checkpoints = found.checkpoints.filter((one) => !isHeld(one, held));
  const kinds = await kindsOfBlobs(store, found, checkpoints);
  const blobs = [...inventory.blobs]
    .filter(([hex, { modifiedAt }]) => !marks.blobs.has(hex) && modifiedAt < horizon.youngSince)
    .map(([hex, { bytes }]) => ({
      ...{ name: `blobs/${hex.slice(0, 2)}/${hex}`, bytes, kind: kinds.get(hex) ?? 'other files' },
      ...{ isUnused: () => !marks.blobs.has(hex), isEmptied: false },
    }));
  const records = checkpoints.map((one) => garbage(one.object, 'checkpoint', () => !isHeld(one, held)));
  return [...records, ...smallRecords(found, horizon), ...blobs];
}

/** What is small and old: journals nobody will send, logs of runs that are not kept, claims nobody holds, plans nobody ran with what they were made of, what was set aside. */
function smallRecords(found: Found, { keepSince }: Horizon): Garbage[] {
  const { inventory, runs } = found;
  const old = ({ modifiedAt }: ObjectInfo): boolean => modifiedAt < keepSince;
  const { claims, journals, logs, plans, quarantine, sources } = inventory.records;
  const keptLogs = new Set(runs.runs.map(({ workflowId }) => names.logs(workflowId)));
  const isOfKeptRun = ({ name }: ObjectInfo): boolean => keptLogs.has(`${name.split('/').slice(0, 2).join('/')}/`);
  const claimed = new Set(runs.claimed);
  const isUnclaimed = ({ name }: ObjectInfo): boolean => !claimed.has(/^claims\/(.*)\.json$/.exec(name)?.[1] ?? '');
  const isNobodys = ({ name }: ObjectInfo): boolean =>
    !runs.known.has(`sha256:${/^(?:plans|sources)\/(.*)\.json$/.exec(name)?.[1] ?? ''}`);
  return [
    ...journals
      .filter((object) => old(object) && isUnsent(found, object.name))
      .map((object) => garbage(object, 'journal', () => isUnsent(found, object.name))),
    ...logs.filter((object) => old(object) && !isOfKeptRun(object)).map((object) => garbage(object, 'log')),
    ...claims.filter((object) => old(object) && isUnclaimed(object)).map((object) => garbage(object, 'claim')),
    ...[...plans, ...sources]
      .filter((object) => old(object) && isNobodys(object))
      .map((object) => garbage(object, 'plan')),
    ...quarantine
      .filter((object) => old(object) && object.bytes > 0)
      .map((object) => ({ ...garbage(object, 'quarantine'), isEmptied: true })),
  ];
}

/** Whether a part of a journal is of no kept result and no step that a run may go on with. */
function isUnsent({ committed, marks }: Found, name: string): boolean {
  const [, key = '', attempt = ''] = /^journals\/([^/]+)\/(.+)\.\d+\.jsonl$/.exec(name) ?? [];
  if (marks.steps.has(key) || marks.journals.has(`${key}/${attempt}`)) return false;
  return !(marks.results.has(key) && committed.byKey.get(key)?.journal === attempt);
}

const garbage = (object: ObjectInfo, kind: string, isUnused = (): boolean => true): Garbage => ({
  ...{ name: object.name, bytes: object.bytes, kind, isUnused, isEmptied: false },
});

/** What each blob is part of that nothing holds; by hex digest. */
async function kindsOfBlobs(
  store: ObjectStore,
  { committed, marks }: Found,
  checkpoints: readonly StoredCheckpoint[],
): Promise<Map<string, string>> {
  const kinds = new Map<string, string>();
  const label = async (tree: string, kind: string): Promise<void> => {
    for (const hex of await blobsOf(store, tree)) if (!marks.blobs.has(hex)) kinds.set(hex, kind);
  };
  for (const [key, { outputs }] of committed.byKey)
    if (!marks.results.has(key)) for (const { type, tree } of outputs) await label(tree, type);
  for (const { tree } of checkpoints) await label(tree, 'checkpoint');
  return kinds;
}

// What a collection of unused objects and everybody else tell each other through the store, so that nothing goes that somebody
// has just begun to rely on.
//
//   gc/state.json            the collection under way, or the last one
//   gc/notes/<random>.json   the name of a record that was written while a collection was under way
//
// I1. A collection writes its state before it reads a record; whoever writes a record looks at the state afterwards. So of
//     the two at least one sees the other, without clocks and without waiting while nothing is collected.
// I2. Objects are removed in windows. A window begins with its number in the state, then reads the notes and keeps what those
//     records need. Who has left a note waits for the next window: from then on what its record needs stays, if the lists of
//     files that it names are there. Who had to store one again leaves another note.
// I3. What went before that is seen by the number of the collection: whoever stored something looks again, and stores it anew.
// I4. A collector that has not renewed its state for a minute counts as dead. One that slept for half of that gives up by
//     itself, before it removes more; the rest is for clocks that differ.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { listAll } from './list-all.js';
import { mapLimited } from './map-limited.js';
import { isRunning } from './running-process.js';
import type { Etag, ObjectStore } from './store.js';

const stateName = 'gc/state.json';
const notesPrefix = 'gc/notes/';
const renewEveryMs = 5_000;
const givesUpAfterMs = 30_000;
const deadAfterMs = 2 * givesUpAfterMs;
const pollMs = 50;
/** Longer than any window takes. What waits is asked again by its caller, or runs into a result that counts as pruned. */
const patienceMs = 20_000;

interface State {
  schema: 1;
  /** Counts the collections of this store. */
  number: number;
  /** 0 while nothing has been removed yet. */
  window: number;
  holder: Holder;
  renewedAt: number;
  isOver: boolean;
}

/** The process that collects. */
export interface Holder {
  host: string;
  pid: number;
}

/** What was seen of collections at some time; null: one was under way, so anything may have gone since. */
export type Seen = number | null;

/** To be asked before objects are stored that a record will name, and handed to `settled` after the record is written. */
export async function collectionsSeen(store: ObjectStore): Promise<Seen> {
  const state = await peekState(store);
  return state === undefined ? 0 : isUnderWay(state) ? null : state.number;
}

/**
 * Makes the record `name`, which has just been written, known to a collection under way. When it resolves, nothing goes any
 * more that the record needs. True when something may have gone since `seen`: look whether all of it is there. Safe to run again.
 */
export async function settled(store: ObjectStore, name: string, seen: Seen): Promise<boolean> {
  const before = await peekState(store);
  if (before === undefined) return false;
  if (!isUnderWay(before)) return before.number !== seen;
  await store.createIfAbsent(`${notesPrefix}${randomUUID()}.json`, JSON.stringify({ name }));
  const noted = await readState(store);
  const giveUpAt = Date.now() + patienceMs;
  for (let now = noted; now !== null && isSame(now.state, noted?.state); now = await readState(store)) {
    if (!isUnderWay(now.state) || now.state.window === 0 || Date.now() > giveUpAt) break;
    await sleep(pollMs);
  }
  return true;
}

/**
 * Settles the record `name` and has `restore` store again what it needs and what has gone since `seen`; `restore` says whether there
 * may have been such. Then once more: when the list of the files of an artifact had gone, the first note could not name them.
 */
export async function restoring(
  store: ObjectStore,
  name: string,
  seen: Seen,
  restore: () => Promise<boolean>,
): Promise<void> {
  for (let round = 0; round < 2 && (await settled(store, name, seen)); round += 1) if (!(await restore())) return;
}

/** A collection that this process holds. */
export interface Collection {
  /** Begins the next window; false when the collection was taken for dead, and nothing more may be removed. */
  nextWindow(): Promise<boolean>;
  /** Says that the collector lives, if that is due; false as above. */
  renew(): Promise<boolean>;
  /** Names of the records that were noted since the last call. */
  notes(): Promise<string[]>;
  /** Says that it is over; what was noted is known to the next one by the records. */
  close(): Promise<void>;
}

/** Begins a collection; who holds it, when one is under way. One whose process is gone from this host is taken over at once. */
export async function beginCollection(store: ObjectStore): Promise<Collection | { heldBy: Holder }> {
  const holder = { host: hostname(), pid: process.pid };
  for (;;) {
    const last = await readState(store);
    if (last !== null && isUnderWay(last.state) && !isGone(last.state.holder)) return { heldBy: last.state.holder };
    const number = (last?.state.number ?? 0) + 1;
    const state: State = { schema: 1, number, window: 0, holder, renewedAt: Date.now(), isOver: false };
    const body = JSON.stringify(state);
    const isOurs =
      last === null
        ? await store.createIfAbsent(stateName, body)
        : await store.compareAndSwap(stateName, last.etag, body);
    if (isOurs) return heldCollection(store, number);
  }
}

function heldCollection(store: ObjectStore, number: number): Collection {
  const known = new Set<string>();
  let renewedAt = Date.now();
  const change = async (next: (state: State) => State): Promise<boolean> => {
    const current = await readState(store);
    if (current === null || current.state.number !== number || current.state.isOver) return false;
    const now = Date.now();
    if (now - renewedAt > givesUpAfterMs) return false;
    const body = JSON.stringify({ ...next(current.state), renewedAt: now });
    if (!(await store.compareAndSwap(stateName, current.etag, body))) return false;
    renewedAt = now;
    return true;
  };
  return {
    nextWindow: () => change((state) => ({ ...state, window: state.window + 1 })),
    renew: async () => Date.now() - renewedAt < renewEveryMs || change((state) => state),
    async notes() {
      const fresh = (await listAll(store, notesPrefix)).filter(({ name }) => !known.has(name));
      for (const { name } of fresh) known.add(name);
      const bodies = await mapLimited(fresh, 8, ({ name }) => store.get(name));
      return bodies.flatMap((body) => (body === null ? [] : [noteIn(body)]));
    },
    async close() {
      await change((state) => ({ ...state, isOver: true }));
      await mapLimited([...known], 8, (name) => store.remove(name));
    },
  };
}

/** Whether a process of this host has ended. */
const isGone = ({ host, pid }: Holder): boolean => host === hostname() && !isRunning(pid);

/** Only this file writes what it reads here. */
const noteIn = (body: Uint8Array): string => (JSON.parse(Buffer.from(body).toString('utf8')) as { name: string }).name;

const isUnderWay = (state: State): boolean => !state.isOver && Date.now() - state.renewedAt <= deadAfterMs;

const isSame = (one: State, other: State | undefined): boolean =>
  one.number === other?.number && one.window === other.window;

const parseState = (body: Uint8Array): State => JSON.parse(Buffer.from(body).toString('utf8')) as State;

/** The state without its etag, which nearly every step asks for. */
async function peekState(store: ObjectStore): Promise<State | undefined> {
  const body = await store.get(stateName);
  return body === null ? undefined : parseState(body);
}

async function readState(store: ObjectStore): Promise<{ state: State; etag: Etag } | null> {
  const found = await store.getVersioned(stateName);
  if (found === null) return null;
  return { state: parseState(found.body), etag: found.etag };
}

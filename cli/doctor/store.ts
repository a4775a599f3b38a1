// pawl doctor: whether the store keeps what Pawl builds on, tried with an object of its own. Works for every ObjectStore.
import { randomUUID } from 'node:crypto';
import type { ObjectStore } from '../../store/store.js';
import { fail, ok, warn, type Finding } from './finding.js';

const check = 'store';
const racers = 4;

/** Writes, reads, races, swaps and removes one object under `doctor/`. Fails with StoreError when the store cannot be reached. */
export async function checkStore(store: ObjectStore, url: string): Promise<Finding[]> {
  const name = `doctor/${randomUUID()}.json`;
  const startedMs = Date.now();
  try {
    const broken = await brokenPromise(store, name);
    if (broken !== null) {
      return [
        fail(
          check,
          `${url} ${broken}`,
          'Nothing is safe there: two workers could commit two results. Use a folder on a file system with hard links, or a bucket with conditional writes.',
        ),
      ];
    }
    const modified = (await store.head(name))?.modifiedAt ?? Number.NaN;
    const tookMs = Date.now() - startedMs;
    return [
      ok(check, `${url}, id ${store.id}: write, read, create once, compare and swap, list, remove (${tookMs} ms)`),
      skewFinding('clock of the store', modified - (startedMs + tookMs / 2), tookMs / 2),
    ];
  } finally {
    await store.remove(name).catch(() => undefined);
  }
}

/** What the store does not do, in words that follow its address; null when it does all. */
async function brokenPromise(store: ObjectStore, name: string): Promise<string | null> {
  const first = await Promise.all(Array.from({ length: racers }, (_, index) => store.createIfAbsent(name, `${index}`)));
  if (first.filter(Boolean).length !== 1)
    return `let ${first.filter(Boolean).length} of ${racers} writers create one object`;
  const found = await store.getVersioned(name);
  if (found === null || textOf(found.body) !== String(first.indexOf(true)))
    return 'does not give back what was written';
  if (!(await store.compareAndSwap(name, found.etag, 'second')))
    return 'refuses to replace an object that nobody has changed';
  if (await store.compareAndSwap(name, found.etag, 'third')) return 'replaces an object that somebody else has changed';
  if (textOf(await store.get(name)) !== 'second') return 'shows an old version after a write';
  if (textOf(await store.get(name, { start: 1, end: 3 })) !== 'ec') return 'does not read ranges';
  const names: string[] = [];
  for await (const object of store.list('doctor/')) names.push(object.name);
  if (!names.includes(name)) return 'does not list what was written';
  return null;
}

const textOf = (body: Uint8Array | null): string => (body === null ? '' : Buffer.from(body).toString());

const largestSkewMs = 2_000;

/** How far a clock is from this machine's; `toleranceMs` = what the measurement may be off by. Pure. */
export function skewFinding(what: string, skewMs: number, toleranceMs: number): Finding {
  const text = `${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (Math.abs(skewMs) <= largestSkewMs + toleranceMs) return ok(what, text);
  return warn(
    what,
    text,
    'Set the clocks (chrony, systemd-timesyncd): claims and time-outs of steps are counted by them; what is committed stays right.',
  );
}

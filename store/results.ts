// Committed results: results/<key>.json, created once. Executed at least once, committed exactly once: the first wins.
import type { Result } from '../schemas/generated/records.js';
import { hasArtifact } from './artifacts.js';
import { parseIntact, recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

/** The committed result of a step key; null when there is none. A damaged record is set aside and counts as none. */
export async function readResult(store: ObjectStore, key: string): Promise<Result | null> {
  const name = names.result(key);
  const body = await store.get(name);
  if (body === null) return null;
  const result = parseIntact('result', body, name);
  if (result === null) await removeResult(store, key);
  return result;
}

/**
 * Commits a result whose outputs are stored, or will be when `stored` resolves. Returns the result that stands: this one, or
 * an earlier one. A record whose artifacts are gone does not count: it is replaced. Safe to call again.
 */
export async function commitResult(
  store: ObjectStore,
  result: Result,
  stored: Promise<unknown> = Promise.resolve(),
): Promise<{ committed: boolean; result: Result }> {
  const name = names.result(result.key);
  const body = recordBytes(result);
  for (;;) {
    if (await store.createIfAbsent(name, body, { after: stored })) return { committed: true, result };
    const existing = await store.getVersioned(name);
    const standing = await readResult(store, result.key);
    if (existing === null || standing === null) continue; // removed in between, or set aside
    if ((await checkResult(store, standing)) === 'ok') return { committed: false, result: standing };
    if (await store.compareAndSwap(name, existing.etag, body)) return { committed: true, result };
  }
}

/** Whether every artifact of a result is still stored whole (presence and sizes; digests are checked when it is read). */
export async function checkResult(store: ObjectStore, result: Result): Promise<'ok' | 'pruned'> {
  for (const artifact of Object.values(result.outputs)) {
    if (!(await hasArtifact(store, artifact))) return 'pruned';
  }
  return 'ok';
}

/** Sets a result aside under quarantine/, so that its step runs again. Nothing happens when there is none. */
export async function removeResult(store: ObjectStore, key: string): Promise<void> {
  const name = names.result(key);
  const body = await store.get(name);
  if (body === null) return;
  await store.put(`quarantine/${name}`, body);
  await store.remove(name);
}

// A record that was written while a collection was under way: what it needs stays.
import { parseIntact } from '../store/record-json.js';
import type { ObjectStore } from '../store/store.js';
import { hashIn, keptRun } from './kept-runs.js';
import type { Marker } from './marker.js';

/** Marks what the record needs: a run, a plan that was submitted, a result, a checkpoint. One that is gone needs nothing. */
export async function markNoted(store: ObjectStore, marker: Marker, name: string): Promise<void> {
  const body = await store.get(name);
  if (body === null) return;
  const family = name.slice(0, name.indexOf('/'));
  if (family === 'plans') return marker.plan(hashIn(name));
  if (family === 'runs') {
    const record = parseIntact('run', body, name);
    if (record !== null) await marker.run(keptRun(record, true));
  }
  if (family === 'results') {
    const result = parseIntact('result', body, name);
    for (const { tree } of Object.values(result?.outputs ?? {})) await marker.tree(tree);
  }
  if (family === 'checkpoints') {
    const checkpoint = parseIntact('checkpoint', body, name);
    if (checkpoint === null) return;
    marker.marks.checkpoints.add(checkpoint.key);
    await marker.tree(checkpoint.tree);
  }
}

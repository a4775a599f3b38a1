// A pipeline with a loop that is run for real (interpreter, activities, folder store), and collections of its store at a time
// of their own.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collect, type CollectOptions, type Collected } from '../../gc/collect.js';
import type { ObjectStore } from '../../store/store.js';
import { writeRun } from '../../store/runs.js';
import { listAll } from '../../store/list-all.js';
import { openBench, type Bench } from '../activities/bench.js';
import { truthRig, writeBeir, type Edit, type TruthRig } from '../planning/truth-rig.js';
import { day } from './watched-store.js';

export const text = `pawl: 1
name: truth
params:
  value: { type: number, default: 1 }
  iterations: { type: integer, default: 5 }
steps:
  corpus: { uses: data.jsonl, with: { folder: beir } }
  drawn: { uses: test.draw, with: { notes: notes.txt, scale: 2 } }
  first: { uses: test.sleep, with: { steps: 2, step_ms: 0, value: "\${{ params.value }}" } }
  measured: { uses: test.sleep, with: { step_ms: 0, value: "\${{ steps.first.metrics.value * 2.0 }}" } }
  turn:
    loop:
      max: "\${{ params.iterations }}"
      carry: { last: { type: folder, init: "\${{ steps.first.outputs.folder }}", next: "\${{ steps.work.outputs.folder }}" } }
      keep: { last: 1 }
      steps:
        work: { uses: test.sleep, with: { steps: 1, step_ms: 0, previous: "\${{ carry.last }}", value: "\${{ iter.index + params.value }}" } }
  last: { uses: test.sleep, with: { step_ms: 0, previous: "\${{ steps.turn.outputs.last }}" } }
outputs: { folder: "\${{ steps.last.outputs.folder }}" }
`;

export const edit: Edit = { text, set: {}, seed: 1, python: '3.11.2' };

export interface GcRig {
  bench: Bench;
  look: TruthRig['look'];
  /** Runs it to its end; recorded with the time of day, not the interpreter's virtual one. */
  run: TruthRig['run'];
  /** Collects with --keep 30d; `days`: how long after now. */
  gc(days: number, options?: Partial<CollectOptions> & { store?: ObjectStore }): Promise<Collected>;
  /** States of the steps at the top, as `pawl plan` shows them. */
  states(change?: Partial<Edit>): Promise<Record<string, string>>;
  names(prefix: string): Promise<string[]>;
  close(): Promise<void>;
}

export async function openGcRig(): Promise<GcRig> {
  const bench = await openBench();
  const folder = mkdtempSync(join(tmpdir(), 'pawl-gc-'));
  mkdirSync(join(folder, 'beir'));
  writeBeir(join(folder, 'beir'), 'a red stone');
  cpSync(join(folder, 'beir'), join(folder, 'copy'), { recursive: true });
  writeFileSync(join(folder, 'notes.txt'), 'one');
  const rig = truthRig(bench, folder);
  return {
    bench,
    look: (change) => rig.look(change),
    async run(change) {
      const ended = await rig.run(change);
      const now = new Date().toISOString();
      const record = { ...ended.record, startedAt: now, endedAt: now };
      await writeRun(bench.store, record);
      return { ...ended, record };
    },
    gc: (days, { store = bench.store, ...options } = {}) =>
      collect(store, {
        ...{ keepMs: 30 * day, dryRun: false, now: Date.now() + days * day, youngMs: 0, windowObjects: 3 },
        ...options,
      }),
    async states(change = {}) {
      const planned = await rig.look({ ...edit, ...change });
      return Object.fromEntries(
        [...planned].filter(([path]) => !path.includes('[')).map(([path, { state }]) => [path, state]),
      );
    },
    names: async (prefix) => (await listAll(bench.store, prefix)).map(({ name }) => name),
    async close() {
      await bench.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Results between two clicks of a loop: they live in this worker only, as folders, and are lost with it. A click commits
// those that its carries name; the others never reach the store.
// I1: what is held is whole, and its folder is not changed. I2: it goes when no loop that made or found it can read it any
// more. Folders of dead workers are removed with the rest of their work.
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result, StoredArtifact } from '../schemas/generated/records.js';
import type { VolatileStep } from './calls.js';

/** What the workflow learns of a result, committed or not. */
export type Made = Pick<Result, 'key' | 'metrics' | 'seconds' | 'resumedFrom' | 'run' | 'warnings'> & {
  outputs: Record<string, Pick<StoredArtifact, 'type'>>;
};

export interface HeldResult {
  made: Made;
  /** The outputs are the folders <folder>/outputs/<name>. */
  folder: string;
  /** Stores the outputs and commits the result; the one that stands. Safe to call again. */
  commit(): Promise<Pick<Made, 'run'>>;
}

export interface VolatileResults {
  /** The result of a key that this worker holds; the loop that asks may read it from then on. */
  find(key: string, reader: VolatileStep): HeldResult | null;
  get(key: string): HeldResult | null;
  /** Takes over the outputs of an attempt. Of two results of a key the first stays; it is returned. */
  hold(made: Made, from: { attemptFolder: string; step: VolatileStep }, commit: Commit): Promise<Made>;
  /** Drops what the iteration that begins cannot read: of earlier iterations it knows what its carries name. */
  begin(step: VolatileStep): void;
  /** Drops all of a loop: a click holds what it carries. */
  drop(loop: string): void;
}

type Commit = (folder: string) => Promise<Pick<Made, 'run'>>;

interface Entry extends HeldResult {
  /** Iteration in which each loop made or found it, by loop. */
  loops: Map<string, number>;
}

/** None yet. */
export function createVolatileResults(): VolatileResults {
  const entries = new Map<string, Entry>();
  const leave = (key: string, entry: Entry, loop: string): void => {
    entry.loops.delete(loop);
    if (entry.loops.size > 0) return;
    entries.delete(key);
    // Only space is at stake, and the worker's folder goes with it.
    rm(entry.folder, { recursive: true, force: true }).catch(() => undefined);
  };
  return {
    get: (key) => entries.get(key) ?? null,
    find(key, { loop, iteration }) {
      const entry = entries.get(key);
      entry?.loops.set(loop, iteration);
      return entry ?? null;
    },
    async hold(made, { attemptFolder, step }, commit) {
      const folder = `${attemptFolder}.held`;
      await mkdir(folder);
      await rename(join(attemptFolder, 'outputs'), join(folder, 'outputs'));
      const standing = entries.get(made.key);
      if (standing !== undefined) {
        standing.loops.set(step.loop, step.iteration);
        await rm(folder, { recursive: true, force: true });
        return standing.made;
      }
      const loops = new Map([[step.loop, step.iteration]]);
      entries.set(made.key, { made, folder, loops, commit: () => commit(folder) });
      return made;
    },
    begin({ loop, iteration, carried }) {
      for (const [key, entry] of entries) {
        const own = entry.loops.get(loop);
        if (own !== undefined && own < iteration && !carried.includes(key)) leave(key, entry, loop);
      }
    },
    drop(loop) {
      for (const [key, entry] of entries) if (entry.loops.has(loop)) leave(key, entry, loop);
    },
  };
}

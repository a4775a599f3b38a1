// Runs and collections at the same time: nothing goes that a run has begun to rely on.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasArtifact } from '../../store/artifacts.js';
import { readResult } from '../../store/results.js';
import { attempt, callOf } from '../activities/bench.js';
import { edit, openGcRig, type GcRig } from './gc-rig.js';
import { stopping } from './watched-store.js';

let rig: GcRig;
beforeEach(async () => {
  rig = await openGcRig();
});
afterEach(() => rig.close());

const cached = {
  corpus: 'CACHED',
  drawn: 'CACHED',
  first: 'CACHED',
  measured: 'CACHED',
  turn: 'CACHED',
  last: 'CACHED',
};

describe('a run that starts in the middle of a collection', () => {
  it.each([1, 14, 23])('ends well and keeps what it found: it begins at removal %d', async (nth) => {
    await rig.run(edit);
    const held = stopping(rig.bench.store, (_, count) => count === nth);
    const collecting = rig.gc(31, { store: held.store });
    await held.stopped;
    const running = rig.run(edit);
    // It has said so, and waits for the end of the window.
    await expect.poll(() => rig.names('gc/notes/'), { timeout: 20_000 }).not.toEqual([]);
    held.go();
    const [{ ran, record }] = await Promise.all([running, collecting]);
    expect(record.state).toBe('done');
    expect(record.failures).toEqual([]);
    expect(await rig.states()).toEqual(cached);
    // What had not gone when it began was not made again.
    if (nth === 1) expect(ran.size).toBeLessThan(9);
    expect((await rig.gc(1)).kept.ended).toBeGreaterThan(0);
    expect(await rig.states()).toEqual(cached);
  });
});

describe('a step that commits in the middle of a collection', () => {
  it('stores again what it shares with an artifact that was just removed', async () => {
    const { bench } = rig;
    const old = callOf(bench, 'test.sleep', { steps: 1, step_ms: 0, value: 7 });
    await attempt(bench, old).outcome;
    const before = await rig.names('blobs/');
    expect(before).toHaveLength(2);
    for (const nth of [0, 1]) {
      // The same content under another key: its files are in the store already, and nothing names them any more.
      const call = callOf(bench, 'test.sleep', { steps: 1, step_ms: nth + 1, value: 7 });
      const held = stopping(bench.store, (name) => name === before[nth]);
      const collecting = rig.gc(31, { store: held.store, windowObjects: 1 });
      await held.stopped;
      const { outcome } = attempt(bench, call);
      await expect.poll(() => rig.names('gc/notes/'), { timeout: 20_000 }).not.toEqual([]);
      held.go();
      await Promise.all([collecting, outcome]);
      const result = await readResult(bench.store, call.key);
      expect(await hasArtifact(bench.store, { tree: result?.outputs['folder']?.tree ?? '' })).toBe(true);
      expect(await rig.names('blobs/')).toEqual(before);
    }
  });
});

describe('a step whose list of files was removed before the collection heard of it', () => {
  it('ends whole: it says so again when it has stored the list anew', async () => {
    const { bench } = rig;
    const made = async (value: number): Promise<[tree: string, file: string]> => {
      const old = callOf(bench, 'test.sleep', { steps: 1, step_ms: 0, value });
      await attempt(bench, old).outcome;
      const tree = (await readResult(bench.store, old.key))?.outputs['folder']?.tree.slice('sha256:'.length) ?? '';
      const blobs = await rig.names('blobs/');
      return [blobs.find((name) => name.endsWith(tree)) ?? '', blobs.find((name) => !name.endsWith(tree)) ?? ''];
    };
    let value = 0;
    let [tree, file] = await made(value);
    // Blobs go in the order of their names; the list is to go first.
    while (tree > file) {
      await rig.gc(31);
      [tree, file] = await made((value += 1));
    }
    const list = stopping(bench.store, (name) => name === tree);
    const both = stopping(list.store, (name) => name === file);
    const collecting = rig.gc(31, { store: both.store, windowObjects: 1 });
    await list.stopped;
    const call = callOf(bench, 'test.sleep', { steps: 1, step_ms: 1, value });
    const { outcome } = attempt(bench, call);
    await expect.poll(() => rig.names('gc/notes/'), { timeout: 20_000 }).not.toEqual([]);
    list.go();
    await both.stopped;
    // Now the list is stored anew, while the file is still there.
    await expect.poll(() => rig.names('blobs/'), { timeout: 20_000 }).toContain(tree);
    both.go();
    await Promise.all([collecting, outcome]);
    expect(await hasArtifact(bench.store, { tree: `sha256:${tree.split('/').at(-1) ?? ''}` })).toBe(true);
  });
});

describe('two collections at once', () => {
  it('are one: the other says who is at work', async () => {
    await rig.run(edit);
    const held = stopping(rig.bench.store, (_, count) => count === 3);
    const first = rig.gc(1, { store: held.store });
    await held.stopped;
    expect((await rig.gc(1)).heldBy).toMatchObject({ pid: process.pid });
    held.go();
    expect((await first).heldBy).toBe(null);
    expect((await rig.gc(1)).heldBy).toBe(null);
    expect(await rig.states()).toEqual(cached);
  });
});

describe('a collector that is killed', () => {
  it('at any point leaves what runs need, and the next one finishes', async () => {
    await rig.run(edit);
    await rig.run({ ...edit, set: { value: 5 } }); // recorded in place of the first: only this one is kept
    const [kept] = await rig.names('runs/');
    expect(kept).toBeDefined();
    const storeDir = join(rig.bench.home, 'store');
    for (const at of [0, 2, 5]) {
      const child = spawn(process.execPath, ['--import', 'tsx', 'tests/gc/killed-collector.ts', storeDir, String(at)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');
      expect(await rig.states({ set: { value: 5 } })).toEqual(cached);
    }
    const { heldBy, removed } = await rig.gc(1);
    expect(heldBy).toBe(null);
    expect(removed.length).toBeGreaterThan(0);
    expect((await rig.run({ ...edit, set: { value: 5 } })).ran).toEqual(new Set());
    expect((await rig.gc(1)).removed).toEqual([]);
  });
});

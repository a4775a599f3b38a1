import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../schemas/generated/records.js';
import { ingestFolder, materialise } from '../../store/artifacts.js';
import { saveCheckpoint } from '../../store/checkpoints.js';
import { acquireClaim } from '../../store/claims.js';
import { appendJournalPart } from '../../store/journals.js';
import { writeLogPart } from '../../store/logs.js';
import { readResult } from '../../store/results.js';
import { listRuns, writeRun } from '../../store/runs.js';
import { names } from '../../store/store.js';
import { emptyCursor, openCursor, swapCursor } from '../../tracking/cursor.js';
import { collectHostCache } from '../../gc/host-cache.js';
import { callOf } from '../activities/bench.js';
import { edit, openGcRig, type GcRig } from './gc-rig.js';
import { day } from './watched-store.js';

let rig: GcRig;
beforeEach(async () => {
  rig = await openGcRig();
});
afterEach(() => rig.close());

const allCached = {
  corpus: 'CACHED',
  drawn: 'CACHED',
  first: 'CACHED',
  measured: 'CACHED',
  turn: 'CACHED',
  last: 'CACHED',
};

/** The record of the run, changed. */
async function change(fields: Partial<RunRecord>): Promise<RunRecord> {
  const [record] = await listRuns(rig.bench.store);
  if (record === undefined) throw new Error('no run');
  // Not by writeRun: the record of an ended run stays as it is.
  await rig.bench.store.put(names.run(record.workflowId, record.runId), JSON.stringify({ ...record, ...fields }));
  return record;
}

describe('a collection', () => {
  it('leaves what an ended run needs to be cached again, and frees the carries that its loop has superseded', async () => {
    await rig.run(edit);
    const { removed, kept } = await rig.gc(1);
    expect(kept).toMatchObject({ running: 0, ended: 1 });
    expect(removed.length).toBeGreaterThan(4); // iterations 0 to 3
    expect(new Set(removed.map(({ kind }) => kind))).toEqual(new Set(['folder']));
    expect(await rig.states()).toEqual(allCached);
    expect((await rig.run(edit)).ran).toEqual(new Set());
    expect((await rig.gc(1)).removed).toEqual([]);
  });

  it('removes what runs made that ended before --keep; `plan` says PRUNED, and it runs again to the same bytes', async () => {
    const before = await rig.run(edit);
    const outputs = async (): Promise<unknown> =>
      Promise.all(before.record.steps.map(async ({ key }) => (await readResult(rig.bench.store, key ?? ''))?.outputs));
    const made = await outputs();
    await rig.gc(31);
    expect(await rig.names('blobs/')).toEqual([]);
    expect(await rig.states()).toMatchObject({ corpus: 'PRUNED', drawn: 'PRUNED', first: 'PRUNED', turn: 'RUN' });
    expect((await rig.run(edit)).record.state).toBe('done');
    expect(await outputs()).toEqual(made);
  });

  it('with --dry-run names what it would remove, and removes nothing', async () => {
    await rig.run(edit);
    const before = await rig.names('');
    const { removed } = await rig.gc(31, { dryRun: true });
    expect(await rig.names('')).toEqual(before);
    expect((await rig.gc(31)).removed.map(({ name }) => name)).toEqual(removed.map(({ name }) => name));
  });

  it('keeps what a run under way will find, whoever made it, and however old it is', async () => {
    await rig.run(edit);
    // As a run is recorded that has just begun: nothing of it is known but its plan.
    await change({ state: 'running', steps: [], outputs: {}, endedAt: null });
    expect((await rig.gc(400)).kept).toMatchObject({ running: 1, ended: 0 });
    expect(await rig.states()).toEqual(allCached);
  });

  it('keeps what a failed run can go on from: its results, the iteration under way and its checkpoints', async () => {
    const { bench } = rig;
    const { record } = await rig.run(edit);
    const first = record.steps.find(({ path }) => path === 'first')?.key ?? '';
    const longer = { ...edit, set: { value: 3 } };
    const key = (await rig.look(longer)).get('first')?.key ?? '';
    const { checkpointKey } = callOf(bench, 'test.sleep', { steps: 2, step_ms: 0, value: 3 });
    const save = async (of: string, attempt: string): Promise<void> => {
      const folder = join(bench.home, attempt);
      await mkdir(folder);
      await writeFile(join(folder, 'state.json'), `{"step":1,"by":"${attempt}"}`);
      const createdAt = new Date().toISOString();
      await saveCheckpoint(bench.store, {
        ...{ checkpointKey: of, attempt, step: 1, folder, journalOffset: 0, provenance: {}, createdAt },
      });
    };
    await save(first, 'a-lost-attempt'); // of a step that is committed
    await save(checkpointKey, 'the-last-attempt');
    const failed = await rig.run(longer);
    await writeRun(bench.store, { ...failed.record, state: 'failed', steps: [], outputs: {} });
    await bench.store.remove(names.result(key));
    await bench.store.remove(names.claim(key));
    await rig.gc(1);
    expect(await rig.names('checkpoints/')).toEqual([names.checkpoint(checkpointKey, 1, 'the-last-attempt')]);
    expect(await rig.states(longer)).toEqual({ ...allCached, first: 'RESUME', measured: 'PENDING' });
    await rig.gc(31);
    expect(await rig.names('checkpoints/')).toEqual([]);
  });

  it('keeps what a plan needs that was submitted and waits for a worker', async () => {
    const { bench } = rig;
    await rig.run(edit);
    for (const name of await rig.names('runs/')) await bench.store.remove(name);
    expect((await rig.gc(29)).removed.map(({ kind }) => kind)).not.toContain('dataset');
    expect(await rig.states()).toEqual(allCached);
    await rig.gc(31);
    expect(await rig.names('blobs/')).toEqual([]);
    expect(await rig.names('plans/')).toEqual([]);
  });

  it('keeps the result and checkpoints of a key that somebody works at, and frees claims nobody holds', async () => {
    const { bench } = rig;
    const { record } = await rig.run(edit);
    const key = record.steps.find(({ path }) => path === 'drawn')?.key ?? '';
    const now = Date.now() + 31 * day;
    await bench.store.remove(names.claim(key));
    const owner = { key, holder: 'drawn', run: 'other/one/run-2', attempt: '1' };
    await acquireClaim(bench.store, { ...owner, now, renewEveryMs: 5_000 });
    await rig.gc(0, { now });
    expect(await rig.states()).toMatchObject({ drawn: 'CACHED', first: 'PRUNED' });
    expect(await rig.names('claims/')).toEqual([names.claim(key)]);
  });

  it('keeps journals until MLflow has them', async () => {
    const { store } = rig.bench;
    const { record } = await rig.run(edit);
    const journals = await rig.names('journals/');
    expect(journals.length).toBeGreaterThan(0);
    await appendJournalPart(store, { key: 'f'.repeat(64), attempt: 'lost', part: 0, text: '{}\n' });
    const { workflowId, runId } = record;
    const { etag } = await openCursor(store, { workflowId, runId });
    await rig.gc(31);
    const inRecord = new Set(record.steps.map(({ key }) => key));
    expect(await rig.names('journals/')).toEqual(journals.filter((name) => inRecord.has(name.split('/')[1] ?? '')));
    await swapCursor(store, etag, { ...emptyCursor({ workflowId, runId }), complete: true });
    await rig.gc(31);
    expect(await rig.names('journals/')).toEqual([]);
  });

  it('leaves files that are younger than ten minutes: their record may be still to come', async () => {
    const { bench } = rig;
    const folder = join(bench.home, 'fresh');
    await mkdir(folder);
    await writeFile(join(folder, 'a'), 'unfinished');
    await ingestFolder(bench.store, folder, 'folder');
    expect((await rig.gc(0, { youngMs: 600_000 })).removed).toEqual([]);
    expect((await rig.gc(0, { youngMs: 600_000, now: Date.now() + 700_000 })).removed).toHaveLength(2);
  });

  it('refuses to go on when it cannot know what a run under way needs', async () => {
    const { store } = rig.bench;
    await rig.run(edit);
    const { planHash } = await change({ state: 'running' });
    await store.remove(names.plan(planHash));
    const before = await rig.names('blobs/');
    await expect(rig.gc(400)).rejects.toThrow(/has no plan/);
    expect(await rig.names('blobs/')).toEqual(before);
    await expect(rig.gc(400)).rejects.toThrow(/has no plan/); // and nobody is locked out
  });

  it('keeps what a run has committed whose record cannot be read', async () => {
    const { store } = rig.bench;
    await rig.run(edit);
    for (const name of await rig.names('runs/')) await store.put(name, 'not JSON');
    for (const name of await rig.names('plans/')) await store.remove(name);
    await rig.gc(1);
    expect(await rig.states()).toMatchObject({ first: 'CACHED', last: 'CACHED', corpus: 'CACHED' });
  });

  it('keeps the logs of kept runs, and others until they are old', async () => {
    const { store } = rig.bench;
    const { record } = await rig.run(edit);
    const log = { path: 'first', attempt: '1', number: 1 };
    await writeLogPart(store, { ...log, workflowId: record.workflowId }, 0, 'mine');
    await writeLogPart(store, { ...log, workflowId: 'truth/forgotten' }, 0, 'of nobody');
    await rig.gc(29);
    expect(await rig.names('logs/')).toHaveLength(2);
    await change({ endedAt: new Date(Date.now() + 2 * day).toISOString() });
    await rig.gc(31);
    expect((await rig.names('logs/')).map((name) => name.startsWith(names.logs(record.workflowId)))).toEqual([true]);
  });

  it('empties what was set aside long ago, and keeps when that was', async () => {
    const { store } = rig.bench;
    await store.put(`quarantine/blobs/${'a'.repeat(64)}`, 'wrong bytes');
    await rig.gc(31);
    expect(await store.get(`quarantine/blobs/${'a'.repeat(64)}`)).toEqual(Buffer.alloc(0));
  });
});

describe('the cache of the host', () => {
  it('loses the folders whose artifacts are gone, once they are idle', async () => {
    const { bench } = rig;
    const { record } = await rig.run(edit);
    const treeOf = async (path: string): Promise<string> => {
      const key = record.steps.find((step) => step.path === path)?.key ?? '';
      return Object.values((await readResult(bench.store, key))?.outputs ?? {})[0]?.tree ?? '';
    };
    const cacheDir = join(bench.home, 'other-cache');
    const kept = await materialise(bench.store, cacheDir, await treeOf('first'));
    const unused = await materialise(bench.store, cacheDir, await treeOf('drawn'));
    const blobs = new Set([(await treeOf('first')).replace('sha256:', '')]);
    const options = { kept: blobs, now: Date.now(), idleMs: 60_000, dryRun: false };
    expect(await collectHostCache(cacheDir, options)).toEqual([]);
    const long = new Date(Date.now() - 120_000);
    for (const path of [kept, unused]) await utimes(`${path}.used`, long, long);
    expect(await collectHostCache(cacheDir, { ...options, dryRun: true })).toHaveLength(1);
    expect((await collectHostCache(cacheDir, options)).map(({ path }) => path)).toEqual([unused]);
    expect(await collectHostCache(cacheDir, options)).toEqual([]);
  });
});

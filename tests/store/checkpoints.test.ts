import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Checkpoint } from '../../schemas/generated/records.js';
import { digestOf } from '../../schemas/identity.js';
import { loadCheckpoint, newestCheckpoint, pruneCheckpoints, saveCheckpoint } from '../../store/checkpoints.js';
import { listAll } from '../../store/list-all.js';
import { names } from '../../store/store.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const save = async (step: number, attempt = 'a1', body = `state ${step} ${attempt}`): Promise<Checkpoint> =>
  saveCheckpoint(bench().store, {
    checkpointKey: 'ck',
    attempt,
    step,
    folder: await bench().folder(`${attempt}-${step}`, { 'state.bin': body }),
    journalOffset: step * 10,
    provenance: { torch: '2' },
    createdAt: '2026-01-01T00:00:00.000Z',
  });
const blobPath = (body: string): string => join(bench().storeDir, names.blob(digestOf(body)));
const newestStep = async (): Promise<number | null> => (await newestCheckpoint(bench().store, 'ck'))?.step ?? null;

test('the newest checkpoint is that of the highest step, of whichever attempt', async () => {
  expect(await newestStep()).toBeNull();
  await save(50);
  await save(1000);
  await save(150, 'a2');
  const newest = await newestCheckpoint(bench().store, 'ck');
  expect(newest).toMatchObject({ step: 1000, attempt: 'a1', journalOffset: 10_000, key: 'ck' });
  expect(await newestCheckpoint(bench().store, 'other')).toBeNull();
});

test('a checkpoint can be read back in a folder', async () => {
  const record = await save(50);
  const loaded = await loadCheckpoint(bench().store, bench().cacheDir, record);
  expect(loaded?.record).toEqual(record);
  expect(await readFile(join(loaded?.path ?? '', 'state.bin'), 'utf8')).toBe('state 50 a1');
});

test('files without a record are no checkpoint, and a damaged record is none either', async () => {
  await save(50);
  await bench().store.createIfAbsent(names.checkpoint('ck', 100, 'a1'), '{"half":');
  expect(await newestStep()).toBe(50);
});

test('a checkpoint with a missing or cut file is passed over', async () => {
  for (const step of [50, 100, 150]) await save(step);
  await unlink(blobPath('state 150 a1'));
  expect(await newestStep()).toBe(100);
  await unlink(blobPath('state 100 a1'));
  await writeFile(blobPath('state 100 a1'), 'state');
  expect(await newestStep()).toBe(50);
});

test('a checkpoint with wrong bytes is set aside when it is loaded, and the next older one is taken', async () => {
  for (const step of [50, 100]) await save(step);
  const newest = await newestCheckpoint(bench().store, 'ck');
  await unlink(blobPath('state 100 a1'));
  await writeFile(blobPath('state 100 a1'), 'STATE 100 a1');
  expect(await newestStep(), 'its sizes are right').toBe(100);
  const loaded = newest === null ? null : await loadCheckpoint(bench().store, bench().cacheDir, newest);
  expect(loaded?.record.step).toBe(50);
  expect(await newestStep()).toBe(50);
});

test('when every checkpoint is damaged there is none', async () => {
  const record = await save(50);
  await unlink(blobPath('state 50 a1'));
  expect(await loadCheckpoint(bench().store, bench().cacheDir, record)).toBeNull();
});

test('an attempt prunes its own only', async () => {
  for (const step of [50, 100, 150]) await save(step);
  for (const step of [60, 160]) await save(step, 'b-a1');
  await pruneCheckpoints(bench().store, 'ck', 'a1', 2);
  const left = (await listAll(bench().store, names.checkpoints('ck'))).map(({ name }) => name.split('/').at(-1));
  expect(left).toEqual([
    '000000000060-b-a1.json',
    '000000000100-a1.json',
    '000000000150-a1.json',
    '000000000160-b-a1.json',
  ]);
});

test('saving the same step of an attempt again keeps the first', async () => {
  const first = await save(50);
  expect(await save(50, 'a1', 'another state')).toEqual(first);
});

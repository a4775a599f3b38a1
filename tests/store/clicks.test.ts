import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Click } from '../../schemas/generated/records.js';
import { digestOf } from '../../schemas/identity.js';
import { ingestFolder } from '../../store/artifacts.js';
import { bestClick, commitClick, listClicks, newestClick, pruneClicks, readClick } from '../../store/clicks.js';
import { commitResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import { resultOf, useBench } from './fixtures.js';

const bench = useBench();

const clickOf = (index: number, values: { dev?: number; seconds?: number } = {}): Click => ({
  schema: 1,
  loopKey: 'loop',
  index,
  carry: { policy: { $artifact: { key: `update-${index}`, output: 'model', type: 'model' } }, note: 'scalar' },
  metrics: { update: { loss: 1 / (index + 1) }, ...(values.dev === undefined ? {} : { dev: { ndcg: values.dev } }) },
  keys: { update: `update-${index}` },
  createdAt: '2026-01-01T00:00:00.000Z',
  seconds: values.seconds ?? 1,
});

/** Commits the result that the carry of a click refers to, and the click. */
async function commit(index: number, dev?: number): Promise<Click> {
  const { store, folder } = bench();
  const model = await ingestFolder(store, await folder(`m${index}`, { weights: `weights ${index}` }), 'model');
  await commitResult(store, resultOf(`update-${index}`, { model }));
  return commitClick(store, clickOf(index, dev === undefined ? {} : { dev }));
}
const restorable = async (): Promise<number[]> =>
  (await listClicks(bench().store, 'loop')).filter((click) => click.restorable).map(({ index }) => index);
const newest = async (max: number): Promise<number | null> =>
  (await newestClick(bench().store, 'loop', max))?.index ?? null;

test('a click is committed once: the first stands', async () => {
  const first = await commit(0);
  expect(await commitClick(bench().store, clickOf(0, { seconds: 99 }))).toEqual(first);
  expect(await readClick(bench().store, 'loop', 0)).toEqual(first);
  expect(await readClick(bench().store, 'loop', 1)).toBeNull();
});

test('the history goes from the first click to the last, with metrics', async () => {
  for (const index of [2, 0, 11, 1]) await commit(index);
  const history = await listClicks(bench().store, 'loop');
  expect(history.map(({ index }) => index)).toEqual([0, 1, 2, 11]);
  expect(history[1]).toEqual({ index: 1, metrics: { update: { loss: 0.5 } }, restorable: true });
  expect(await listClicks(bench().store, 'other')).toEqual([]);
});

test('a loop goes on from its newest click below the maximum', async () => {
  for (let index = 0; index < 5; index += 1) await commit(index);
  expect(await newest(100)).toBe(4);
  expect(await newest(5)).toBe(4);
  expect(await newest(3)).toBe(2);
  expect(await newest(0)).toBeNull();
});

test('a click whose artifact or result is gone is no place to go on from', async () => {
  for (let index = 0; index < 4; index += 1) await commit(index);
  await unlink(join(bench().storeDir, names.blob(digestOf('weights 3'))));
  await bench().store.remove(names.result('update-2'));
  expect(await restorable()).toEqual([0, 1]);
  expect(await newest(100)).toBe(1);
});

test('pruning keeps the last, every so many and the best; metrics of all stay readable', async () => {
  const dev = [0.1, 0.5, 0.2, 0.5, 0.3, 0.4, 0.1];
  for (const [index, value] of dev.entries()) await commit(index, value);
  const keep = { last: 2, every: 3, best: { metric: 'steps.dev.ndcg', goal: 'maximize' as const } };
  expect(await pruneClicks(bench().store, 'loop', keep)).toEqual([0, 3, 4]);
  expect(await pruneClicks(bench().store, 'loop', keep), 'again there is nothing to do').toEqual([]);
  expect(await restorable()).toEqual([1, 2, 5, 6]);
  expect((await listClicks(bench().store, 'loop')).map(({ metrics }) => metrics['dev']?.['ndcg'])).toEqual(dev);
  expect(await newest(5)).toBe(2);
});

test('pruning without more keeps the last only', async () => {
  for (let index = 0; index < 4; index += 1) await commit(index);
  await pruneClicks(bench().store, 'loop', { last: 1, every: null, best: null });
  expect(await restorable()).toEqual([3]);
});

test('a pruned click that is made again holds on to its carry again', async () => {
  for (let index = 0; index < 3; index += 1) await commit(index);
  await pruneClicks(bench().store, 'loop', { last: 1, every: null, best: null });
  await commit(1);
  expect(await restorable()).toEqual([1, 2]);
});

test('the best click is the first of equals, in either direction, of those that have the metric', () => {
  const clicks = [clickOf(0), clickOf(1, { dev: 0.2 }), clickOf(2, { dev: 0.1 }), clickOf(3, { dev: 0.2 })];
  const best = (metric: string, goal: 'maximize' | 'minimize'): number | undefined =>
    bestClick(clicks, { metric, goal })?.index;
  expect(best('dev.ndcg', 'maximize')).toBe(1);
  expect(best('steps.dev.metrics.ndcg', 'minimize')).toBe(2);
  expect(best('update.loss', 'minimize')).toBe(3);
  expect(best('dev.none', 'maximize')).toBeUndefined();
});

test('a damaged click is missing from the history', async () => {
  await commit(0);
  await bench().store.createIfAbsent(names.click('loop', 1), 'half');
  expect(await newest(100)).toBe(0);
  expect(await listClicks(bench().store, 'loop')).toHaveLength(1);
});

test('keeping the last clicks and the best one reads no more of a long history than of a short one', async () => {
  const { store } = bench();
  const keep = { last: 2, every: null, best: { metric: 'dev.ndcg', goal: 'maximize' as const } };
  const readsAt: number[] = [];
  for (let index = 0; index < 40; index += 1) {
    await commitClick(store, clickOf(index, { dev: index === 3 ? 1 : index / 100 }));
    let reads = 0;
    const counting = { ...store, get: (name: string) => ((reads += 1), store.get(name)) };
    await pruneClicks(counting, 'loop', keep);
    readsAt.push(reads);
  }
  expect(readsAt[39]).toBe(readsAt[9]);
  const history = await Promise.all(
    [3, 37, 38, 39].map((index) => store.head(`loops/loop/${String(index).padStart(9, '0')}.pruned`)),
  );
  expect(history.map((marker) => marker !== null)).toEqual([false, true, false, false]);
});

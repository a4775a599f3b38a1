import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mapLimited } from '../../store/map-limited.js';

test('the results keep the order of the items, and only so many are under way at a time', async () => {
  let under = 0;
  let most = 0;
  const results = await mapLimited([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, (under += 1));
    await sleep(item);
    under -= 1;
    return item * 10;
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});

test('the first failure rejects once what is under way has ended, and nothing more is begun', async () => {
  const seen: number[] = [];
  const failing = mapLimited([1, 2, 3, 4], 2, async (item) => {
    if (item === 1) throw new Error('one failed');
    await sleep(5);
    seen.push(item);
  });
  await expect(failing).rejects.toThrow('one failed');
  expect(seen).toEqual([2]);
});

test('nothing gives nothing', async () => {
  expect(await mapLimited([], 3, () => Promise.reject(new Error('never')))).toEqual([]);
});

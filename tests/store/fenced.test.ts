import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { fencedStore } from '../../store/fenced.js';
import { useBench } from './fixtures.js';

const bench = useBench();

test('every write asks first, and is not made when the answer is no', async () => {
  const { store, dir } = bench();
  await store.put('there', 'before');
  const file = join(dir, 'file');
  await writeFile(file, 'content');
  const fenced = fencedStore(store, () => Promise.reject(new Error('somebody else has it')));
  const writes = [
    fenced.createIfAbsent('new', 'x'),
    fenced.compareAndSwap('there', 'any', 'after'),
    fenced.put('there', 'after'),
    fenced.createFromFile('large', file, {}),
    fenced.remove('there'),
  ];
  for (const { status } of await Promise.allSettled(writes)) expect(status).toBe('rejected');
  expect(await store.get('new')).toBeNull();
  expect(await store.get('large')).toBeNull();
  expect(Buffer.from((await fenced.get('there')) ?? '').toString()).toBe('before');
});

test('what comes after something asks again once that is there', async () => {
  let isOurs = true;
  const confirm = () => (isOurs ? Promise.resolve() : Promise.reject(new Error('somebody else has it')));
  const fenced = fencedStore(bench().store, confirm);
  const after = sleep(50).then(() => {
    isOurs = false;
  });
  await expect(fenced.createIfAbsent('late', 'x', { after })).rejects.toThrow('somebody else has it');
  expect(await fenced.get('late')).toBeNull();
});

test('a write that is refused has taken note of what it was to come after, which fails as well', async () => {
  const fenced = fencedStore(bench().store, () => Promise.reject(new Error('somebody else has it')));
  const refused = Promise.reject(new Error('refused, too'));
  const after = Promise.all([refused]); // nobody else looks at it: unhandled, it would end the process
  await expect(fenced.createIfAbsent('late', 'x', { after })).rejects.toThrow('somebody else has it');
  await sleep(20);
});

test('writes go through while the answer is yes', async () => {
  let asked = 0;
  const fenced = fencedStore(bench().store, () => {
    asked += 1;
    return Promise.resolve();
  });
  expect(await fenced.createIfAbsent('new', 'x')).toBe(true);
  await fenced.remove('new');
  expect(await fenced.get('new')).toBeNull();
  expect(asked).toBe(2);
});

import { expect, test } from 'vitest';
import type { Source } from '../../schemas/generated/records.js';
import { putSource, readSource } from '../../store/sources.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const source: Source = {
  schema: 1,
  file: 'a.yaml',
  text: 'pawl: 1\n',
  includes: { 'b.yaml': 'pawl: 1\n' },
  files: {},
  set: { lr: 0.1 },
  seed: null,
  baseline: null,
};

test('the source of a plan is read back; the first of several stays', async () => {
  const { store } = bench();
  const hash = `sha256:${'a'.repeat(64)}`;
  expect(await readSource(store, hash)).toBeNull();
  await putSource(store, hash, source);
  await putSource(store, hash, { ...source, file: 'moved.yaml' });
  expect(await readSource(store, hash)).toEqual(source);
});

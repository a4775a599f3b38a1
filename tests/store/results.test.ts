import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StoredArtifact } from '../../schemas/generated/records.js';
import { digestOf } from '../../schemas/identity.js';
import { ingestFolder } from '../../store/artifacts.js';
import { checkResult, commitResult, readResult, removeResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import { resultOf, useBench } from './fixtures.js';

const bench = useBench();
const put = async (body: string): Promise<StoredArtifact> =>
  ingestFolder(bench().store, await bench().folder(`out-${body}`, { file: body }), 'folder');
const prune = (body: string): Promise<void> => unlink(join(bench().storeDir, names.blob(digestOf(body))));

test('a result is committed once: the first wins, and a late attempt gets the first one back', async () => {
  const { store } = bench();
  const first = resultOf('k', { out: await put('a') }, 'first');
  const late = resultOf('k', { out: await put('b') }, 'late');
  expect(await readResult(store, 'k')).toBeNull();
  expect(await commitResult(store, first)).toEqual({ committed: true, result: first });
  expect(await commitResult(store, late)).toEqual({ committed: false, result: first });
  expect(await readResult(store, 'k')).toEqual(first);
  expect(await checkResult(store, first)).toBe('ok');
});

test('of many attempts that commit at the same time, one does and all agree on it', async () => {
  const { store } = bench();
  const out = await put('a');
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => commitResult(store, resultOf('k', { out }, `attempt-${index}`))),
  );
  expect(answers.filter(({ committed }) => committed)).toHaveLength(1);
  expect(new Set(answers.map(({ result }) => result.attempt)).size).toBe(1);
});

test('a result whose artifact is gone is pruned, and the next one takes its place', async () => {
  const { store } = bench();
  const old = resultOf('k', { out: await put('a') }, 'old');
  await commitResult(store, old);
  await prune('a');
  expect(await checkResult(store, old)).toBe('pruned');
  const again = resultOf('k', { out: await put('b') }, 'again');
  expect(await commitResult(store, again)).toEqual({ committed: true, result: again });
  expect(await readResult(store, 'k')).toEqual(again);
  expect(await commitResult(store, old)).toEqual({ committed: false, result: again });
});

test('a removed result is kept aside, and its key is free', async () => {
  const { store } = bench();
  const result = resultOf('k', {});
  await commitResult(store, result);
  await removeResult(store, 'k');
  await removeResult(store, 'k');
  expect(await readResult(store, 'k')).toBeNull();
  expect(await store.head('quarantine/results/k.json')).not.toBeNull();
  expect((await commitResult(store, result)).committed).toBe(true);
});

test.each(['{ half', '{}', '[]', ''])('a damaged record (%j) counts as none and is set aside', async (body) => {
  const { store } = bench();
  await store.createIfAbsent(names.result('k'), body);
  expect(await readResult(store, 'k')).toBeNull();
  expect(await store.head('quarantine/results/k.json')).not.toBeNull();
  await store.put(names.result('k'), body);
  expect((await commitResult(store, resultOf('k', {}))).committed).toBe(true);
});

test('a record of a newer version is neither read nor replaced', async () => {
  const { store } = bench();
  await store.createIfAbsent(names.result('k'), '{"schema":2,"shape":"unknown"}');
  for (const failure of [readResult(store, 'k'), commitResult(store, resultOf('k', {}))])
    await expect(failure).rejects.toMatchObject({ failureClass: 'worker_outdated' });
  expect(await store.head(names.result('k'))).not.toBeNull();
});

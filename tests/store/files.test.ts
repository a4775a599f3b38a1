import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../schemas/identity.js';
import { digestInput, materialiseInput, putInput } from '../../store/files.js';
import { names } from '../../store/store.js';
import { useBench } from './fixtures.js';

const bench = useBench();

test('a file has the digest of its bytes and a folder that of its tree, before and after it is stored', async () => {
  const { store, folder } = bench();
  const path = await folder('data', { 'q.jsonl': '{}\n', 'sub/d.jsonl': '[]\n' });
  const file = await digestInput(join(path, 'q.jsonl'));
  expect(file).toEqual({ digest: digestOf('{}\n'), bytes: 3, folder: false });
  expect(await putInput(store, join(path, 'q.jsonl'))).toEqual(file);
  const tree = await digestInput(path);
  expect(tree).toMatchObject({ bytes: 6, folder: true });
  expect(await putInput(store, path)).toEqual(tree);
  expect(await store.head(names.blob(tree.digest))).not.toBeNull();
});

test('the file stays the person’s: writable, and what they change later changes nothing in the store', async () => {
  const { store, folder, cacheDir } = bench();
  const path = join(await folder('data', { 'q.jsonl': 'before' }), 'q.jsonl');
  const { mode } = await stat(path);
  const input = await putInput(store, path);
  expect((await stat(path)).mode).toBe(mode);
  await writeFile(path, 'after!');
  expect(await readFile(await materialiseInput(store, cacheDir, input), 'utf8')).toBe('before');
  expect((await digestInput(path)).digest).not.toBe(input.digest);
});

test('a stored folder is readable again under its names', async () => {
  const { store, folder, cacheDir } = bench();
  const input = await putInput(store, await folder('data', { 'sub/d.jsonl': 'd' }));
  expect(await readFile(join(await materialiseInput(store, cacheDir, input), 'sub/d.jsonl'), 'utf8')).toBe('d');
});

test('an input that is not there, or is no longer stored, is said', async () => {
  const { store, cacheDir, dir } = bench();
  await expect(digestInput(join(dir, 'none.jsonl'))).rejects.toMatchObject({
    failureClass: 'data',
    message: `There is no file or folder ${join(dir, 'none.jsonl')}.`,
  });
  await expect(putInput(store, join(dir, 'none'))).rejects.toMatchObject({ failureClass: 'data' });
  const gone = { digest: digestOf('gone'), folder: false };
  await expect(materialiseInput(store, cacheDir, gone)).rejects.toMatchObject({ failureClass: 'artifact_damaged' });
});

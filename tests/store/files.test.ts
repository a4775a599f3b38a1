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

test('of a folder of code, what running it leaves behind is not part', async () => {
  const { store, folder } = bench();
  const code = { 'train.py': 'pass\n', 'lib/a.py': '' };
  const left = { '__pycache__/train.pyc': 'x', 'lib/b.pyc': 'x', '.git/config': 'x', '.env': 'SECRET=1', 'node_modules/a.js': 'x' }; // prettier-ignore
  const clean = await digestInput(await folder('clean', code), 'code');
  const used = await folder('used', { ...code, ...left });
  expect(await digestInput(used, 'code')).toEqual(clean);
  expect(await putInput(store, used, 'code')).toEqual(clean);
  expect((await digestInput(used)).digest).not.toBe(clean.digest);
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

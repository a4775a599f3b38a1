import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { observedStore } from '../../store/observed.js';
import { openStore } from '../../store/open.js';

it('an observed store tells each request once, failed ones as such', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-observed-'));
  const told: string[] = [];
  const store = observedStore(await openStore(folder), (operation, seconds, failed) => {
    expect(seconds).toBeGreaterThanOrEqual(0);
    told.push(failed ? `${operation} failed` : operation);
  });
  expect(await store.createIfAbsent('a/b', 'x')).toBe(true);
  expect(await store.get('a/b')).toEqual(Buffer.from('x'));
  for await (const { name } of store.list('a/')) expect(name).toBe('a/b');
  await expect(store.toFile('a/b', join(folder, 'no', 'such', 'folder'))).rejects.toThrow();
  rmSync(folder, { recursive: true });
  expect(told).toEqual(['createIfAbsent', 'get', 'list', 'toFile failed']);
});

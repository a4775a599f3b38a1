import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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

it('the time of a write is without that of what it comes after', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-observed-'));
  const told: number[] = [];
  const store = observedStore(await openStore(folder), (_operation, seconds) => void told.push(seconds));
  await store.createIfAbsent('a/b', 'x', { after: sleep(1000) });
  rmSync(folder, { recursive: true });
  expect(told[0]).toBeLessThan(0.9);
});

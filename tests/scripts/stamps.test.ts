import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearStamp, digestOfTree, isFresh, writeStamp } from '../../scripts/setup/stamps.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-stamps-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('a leg is fresh only with the stamp of exactly what it would be made from', () => {
  expect(isFresh(folder, 'leg', 'a')).toBe(false);
  writeStamp(folder, 'leg', 'a');
  expect(isFresh(folder, 'leg', 'a')).toBe(true);
  expect(isFresh(folder, 'leg', 'b')).toBe(false);
  clearStamp(folder, 'leg');
  expect(isFresh(folder, 'leg', 'a')).toBe(false);
});

it('the digest of a tree changes with every saved, added or renamed file, and with no other', () => {
  mkdirSync(join(folder, 'cli'));
  writeFileSync(join(folder, 'cli', 'a.ts'), 'x');
  const digest = () => digestOfTree(folder, ['cli', 'absent'], (path) => path.endsWith('.ts'));
  const first = digest();
  expect(digest()).toBe(first);
  writeFileSync(join(folder, 'cli', 'notes.txt'), 'x');
  expect(digest()).toBe(first);
  utimesSync(join(folder, 'cli', 'a.ts'), 1, 1);
  const touched = digest();
  expect(touched).not.toBe(first);
  writeFileSync(join(folder, 'cli', 'b.ts'), '');
  expect(digest()).not.toBe(touched);
});

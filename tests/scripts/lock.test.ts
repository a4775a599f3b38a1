import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { withLock } from '../../scripts/setup/lock.mjs';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pawl-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('lets one set-up in at a time and tells the other whom it waits for', async () => {
  const path = join(folder, 'setup.lock');
  let inside = 0;
  let most = 0;
  const waited: number[] = [];
  const work = async () => {
    most = Math.max(most, (inside += 1));
    await new Promise((resolve) => setTimeout(resolve, 30));
    inside -= 1;
  };
  await Promise.all([1, 2, 3].map(() => withLock(path, work, (holder) => waited.push(holder), 5)));
  expect(most).toBe(1);
  expect(waited).toEqual([process.pid, process.pid]);
  expect(existsSync(path)).toBe(false);
});

it('takes over the lock of a process that has died', async () => {
  const path = join(folder, 'setup.lock');
  const dead = spawnSync('sh', ['-c', 'echo $$'], { encoding: 'utf8' }).stdout.trim();
  writeFileSync(path, dead);
  await expect(withLock(path, async () => 'done', () => expect.unreachable(), 5)).resolves.toBe('done'); // prettier-ignore
});

it('gives the lock back when the work fails', async () => {
  const path = join(folder, 'setup.lock');
  const failing = withLock(path, () => Promise.reject(new Error('broken')), () => undefined, 5); // prettier-ignore
  await expect(failing).rejects.toThrow('broken');
  expect(existsSync(path)).toBe(false);
});

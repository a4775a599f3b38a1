import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  attemptName,
  closeAttemptFolder,
  openAttemptFolder,
  noteTrainer,
  closeWorkRoot,
  openWorkRoot,
} from '../../activities/attempt.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'pawl-attempt-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const workerFolder = async (name: string, pid: number): Promise<void> => {
  await mkdir(join(home, 'work', name, 'attempt'), { recursive: true });
  await writeFile(join(home, 'work', name, 'worker.json'), JSON.stringify({ pid }));
};

describe('the folder of a worker', () => {
  it('replaces those of workers whose process is gone and leaves those of live ones', async () => {
    const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
    await workerFolder('worker-dead', dead);
    await workerFolder('worker-live', process.ppid);
    await workerFolder('worker-same-id-in-another-container', process.pid);
    const { path: own } = await openWorkRoot(home, 1);
    const left = await readdir(join(home, 'work'));
    expect(left.map((name) => join(home, 'work', name)).sort()).toEqual(
      [own, join(home, 'work', 'worker-live')].sort(),
    );
  });

  it('tells whether one was killed that had a trainer', async () => {
    const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
    await workerFolder('worker-without', dead);
    const first = await openWorkRoot(home, 1);
    expect(first.hadTrainer).toBe(false);
    await noteTrainer(first.path);
    await writeFile(join(first.path, 'worker.json'), JSON.stringify({ pid: dead }));
    const second = await openWorkRoot(home, 2);
    expect(second.hadTrainer).toBe(true);
    // The second dies before it has one.
    await writeFile(join(second.path, 'worker.json'), JSON.stringify({ pid: dead }));
    expect((await openWorkRoot(home, 3)).hadTrainer).toBe(true);
  });

  it('is gone after an end in good order', async () => {
    const { path } = await openWorkRoot(home, 1);
    await noteTrainer(path);
    await closeWorkRoot(path);
    expect((await openWorkRoot(home, 2)).hadTrainer).toBe(false);
  });
});

describe('the folder of an attempt', () => {
  it('is made empty and removed with everything in it, also twice', async () => {
    const folder = await openAttemptFolder(home, 'one');
    await writeFile(join(folder, 'x'), '');
    await closeAttemptFolder(folder);
    await closeAttemptFolder(folder);
    expect(await readdir(home)).toEqual([]);
  });

  it('has a name that sorts by time and that nobody else has', () => {
    const at = (now: number) => attemptName(now);
    expect(at(1_000) < at(2_000) && at(2_000) < at(1_800_000_000_000)).toBe(true);
    expect(new Set(Array.from({ length: 100 }, () => at(5))).size).toBe(100);
  });
});

import { existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchMemoryKills } from '../../../activities/engine/memory-kills.js';
import { fixtureProgram, openBench } from './fixture.js';

const never = new AbortController().signal;
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pawl-kills-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

describe('what the kernel ended for want of memory', () => {
  it.each([
    ['its group', '0::/work/job', 'sys/fs/cgroup/work/job/memory.events'],
    ['the root of its container', '0::/work/job', 'sys/fs/cgroup/memory.events'],
    [
      'its group of the first version',
      '9:pids:/x\n4:cpu,memory:/job\n0::/',
      'sys/fs/cgroup/memory/job/memory.oom_control',
    ],
    ['the machine, without groups', '', 'proc/vmstat'],
  ])('is counted by %s', (_, groups, counter) => {
    put('proc/7/cgroup', `${groups}\n`);
    put('proc/vmstat', 'oom_kill 40\n');
    put(counter, 'low 0\noom 3\noom_kill 3\noom_group_kill 0\n');
    const kills = watchMemoryKills(7, root);
    expect(kills.since()).toBe(0);
    put(counter, 'low 0\noom 9\noom_kill 4\noom_group_kill 0\n');
    expect(kills.since()).toBe(1);
  });

  it("is not what happened to others, where its own group's count is there", () => {
    put('proc/7/cgroup', '0::/job\n');
    put('proc/vmstat', 'oom_kill 40\n');
    put('sys/fs/cgroup/job/memory.events', 'oom_kill 0\n');
    const kills = watchMemoryKills(7, root);
    put('proc/vmstat', 'oom_kill 41\n');
    expect(kills.since()).toBe(0);
  });

  it('is nothing on a system that does not count', () => {
    expect(watchMemoryKills(7, root).since()).toBe(0);
  });
});

/** A control group of this test with 100 MB; null where groups cannot be made. */
function smallGroup(): string | null {
  const name = `pawl-test-${process.pid}`;
  for (const [base, limit] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = join(base, name);
    try {
      mkdirSync(group);
      if (!existsSync(join(group, limit))) throw new Error('no such limit');
      writeFileSync(join(group, limit), String(100 * 2 ** 20));
      return group;
    } catch {
      if (existsSync(group)) rmdirSync(group);
    }
  }
  return null;
}

const group = smallGroup();
describe.skipIf(group === null)('a trainer in a small container', () => {
  it('that the kernel ends is out of memory, and not just gone', async () => {
    const enter = `echo $$ > ${group ?? ''}/cgroup.procs && exec python3 ${fixtureProgram}`;
    const bench = await openBench('', { command: '/bin/sh', args: ['-c', enter] });
    try {
      const failing = bench.engine.run(bench.job({ steps: 3, hog_at: 1, hog_bytes: 2 ** 30 }), () => undefined, never);
      await expect(failing).rejects.toMatchObject({ failureClass: 'oom' });
      await expect(failing).rejects.toThrow('was ended by SIGKILL while it was running `probe`. The kernel ended it');
    } finally {
      await bench.close();
      await vi.waitFor(() => rmdirSync(group ?? ''));
    }
  });
});

// How often the kernel has ended a process because memory ran out: counted by the control group of a process, else by the
// machine. Read before and after, it tells the kernel's SIGKILL from anybody else's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface MemoryKills {
  /** Reads the counter again: how many processes were ended since, in the group where there is one, else on the machine. */
  since(): number;
}

/** Begins to count for a process that runs; `root` is for tests. Counts nothing on systems without such a counter. */
export function watchMemoryKills(pid: number, root = '/'): MemoryKills {
  const counter = [...groupFiles(pid, root), join(root, 'proc/vmstat')].find((file) => count(file) !== null);
  const before = counter === undefined ? 0 : (count(counter) ?? 0);
  return { since: () => (counter === undefined ? 0 : Math.max(0, (count(counter) ?? before) - before)) };
}

/** Where the two versions of control groups count, the group of the process first and then, in a container, its root. */
function groupFiles(pid: number, root: string): string[] {
  const lines = (read(join(root, 'proc', String(pid), 'cgroup')) ?? '').split('\n');
  const paths = lines.flatMap((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '' && path !== '') return [['sys/fs/cgroup', path, 'memory.events']];
    if (controllers.split(',').includes('memory')) return [['sys/fs/cgroup/memory', path, 'memory.oom_control']];
    return [];
  });
  return paths.flatMap(([base = '', path = '', file = '']) => [join(root, base, path, file), join(root, base, file)]);
}

/** The number after `oom_kill` in a file of such lines; null when there is none. */
function count(file: string): number | null {
  const [, value] = /^oom_kill (\d+)$/m.exec(read(file) ?? '') ?? [];
  return value === undefined ? null : Number(value);
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

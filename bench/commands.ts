// How long the commands that people wait for take, each in a process of its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const times = 11;

export interface CommandCost {
  command: string;
  /** Median wall time in milliseconds. */
  medianMs: number;
  /** Largest resident memory in megabytes. */
  residentMb: number;
}

/** Measures `pawl <args>`. @param root the folder of the clone */
export function measureCommand(root: string, args: string[]): CommandCost {
  const runs = Array.from({ length: times }, () => {
    const startedAt = performance.now();
    runPawl(root, args);
    return performance.now() - startedAt;
  });
  return { command: `pawl ${args.join(' ')}`, medianMs: median(runs), residentMb: resident(root, args) };
}

/** The middle value. Pure. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

function runPawl(root: string, args: string[]): void {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'pawl.mjs'), ...args], { cwd: root });
  if (status !== 0) throw new Error(`pawl ${args.join(' ')} ended with ${status ?? 'a signal'}:\n${stderr.toString()}`);
}

/** Python knows the peak of a child that has ended; Node does not. */
function resident(root: string, args: string[]): number {
  const program =
    'import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); ' +
    'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)';
  const python = join(root, '.pawl', 'python', 'bin', 'python');
  const command = [process.execPath, join(root, 'bin', 'pawl.mjs'), ...args];
  const { stdout } = spawnSync(python, ['-c', program, ...command], { cwd: root, encoding: 'utf8' });
  // Kilobytes on Linux, bytes on macOS.
  return Number(stdout.trim()) / (process.platform === 'darwin' ? 2 ** 20 : 2 ** 10);
}

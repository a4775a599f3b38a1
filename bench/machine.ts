// The machine that was measured on, for the reader of the numbers.
import { execFileSync } from 'node:child_process';
import { cpus, totalmem, type } from 'node:os';

/** One line: processor, cores, memory, system, Node. */
export function machine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${first?.model.trim() ?? 'unknown processor'}, ${memory}, ${type()}, Node ${process.versions.node}`;
}

/** The commit that was measured, and whether the tree differed from it. @param root the folder of the clone */
export function commit(root: string): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes';
    return git('rev-parse', '--short', 'HEAD') + dirty;
  } catch {
    return 'unknown';
  }
}

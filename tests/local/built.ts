// The build that tests of processes run: brought up to date once, by whoever comes first.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const repository = resolve(import.meta.dirname, '..', '..');
const sources = [
  'schemas',
  'local',
  'cli',
  'tracking',
  'expressions',
  'compiler',
  'planning',
  'gc',
  'store',
  'retrieval',
  'workflows',
  'testing',
  'activities',
  'worker',
  'bench',
  'chaos',
];

/** Builds into dist/ when a source is newer than it. */
export async function ensureBuilt(): Promise<void> {
  const lock = join(repository, '.pawl', 'test-build.lock');
  for (let waited = 0; ; waited += 100) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      if (waited > 60_000) throw new Error(`${lock} has been there for a minute: remove it`);
      await sleep(100);
    }
  }
  try {
    // The check of types writes another one beside it.
    const stamp = join(repository, 'dist', '.build.tsbuildinfo');
    const built = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
    if (Math.max(...sources.map((folder) => newest(join(repository, folder)))) > built) build();
  } finally {
    rmdirSync(lock);
  }
}

// A type error is for the check of types to report: the compiler has written its output all the same.
function build(): void {
  spawnSync(process.execPath, [join(repository, 'scripts', 'build.mjs')], { cwd: repository, stdio: 'pipe' });
}

function newest(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .reduce((latest, entry) => Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs), 0);
}

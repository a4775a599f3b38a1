// pawl gc: removes what no run needs any more from the store and from this host.
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Collected } from '../../gc/collect.js';
import type { TemporalConfig } from '../../schemas/config.js';

import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { bytesText } from '../numbers.js';
import { processOutput, type Output } from '../output.js';
import { table } from '../table.js';

export interface GcOptions {
  /** Milliseconds. */
  keep: number;
  dryRun?: true;
  json?: true;
}

/** What was removed of one kind. */
interface Removed {
  where: 'store' | 'host';
  kind: string;
  count: number;
  bytes: number;
}

const idleMs = 10 * 60 * 1000;

export async function gc(options: GcOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const [{ openStore }, { collect }] = await Promise.all([
    import('../../store/open.js'),
    import('../../gc/collect.js'),
  ]);
  const dryRun = options.dryRun === true;
  const store = await openStore(config.store);
  const collected = await collect(store, { keepMs: options.keep, dryRun, now: Date.now() });
  if (collected.heldBy !== null) {
    const { host, pid } = collected.heldBy;
    output.record({ type: 'busy', host, pid });
    output.line(`Another \`pawl gc\` is at work (process ${pid} on ${host}): nothing was done.`);
    return exitCodes.ok;
  }
  const removed = [...byKind(collected), ...(await onHost(config, collected, dryRun))];
  report(output, { collected, removed, dryRun });
  return exitCodes.ok;
}

function byKind({ removed }: Collected): Removed[] {
  const kinds = new Map<string, Removed>();
  for (const { kind, bytes } of removed) {
    const before = kinds.get(kind) ?? { where: 'store', kind, count: 0, bytes: 0 };
    kinds.set(kind, { ...before, count: before.count + 1, bytes: before.bytes + bytes });
  }
  return [...kinds.values()].sort((a, b) => b.bytes - a.bytes);
}

/** The cache, and the folders of attempts whose worker is gone. */
async function onHost(config: TemporalConfig, { kept }: Collected, dryRun: boolean): Promise<Removed[]> {
  const [{ collectHostCache }, { deadWorkRoots }] = await Promise.all([
    import('../../gc/host-cache.js'),
    import('../../activities/attempt.js'),
  ]);
  const options = { kept: kept.blobs, now: Date.now(), idleMs, dryRun };
  const entries = await collectHostCache(join(config.home, 'cache'), options);
  const work = await deadWorkRoots(config.home);
  const workBytes = await Promise.all(work.map(bytesBelow));
  if (!dryRun) for (const folder of work) await rm(folder, { recursive: true, force: true });
  const found: Removed[] = [
    { where: 'host', kind: 'cached folder', count: entries.length, bytes: sum(entries.map(({ bytes }) => bytes)) },
    { where: 'host', kind: 'folder of a lost attempt', count: work.length, bytes: sum(workBytes) },
  ];
  return found.filter(({ count }) => count > 0);
}

function report(
  output: Output,
  { collected, removed, dryRun }: { collected: Collected; removed: Removed[]; dryRun: boolean },
): void {
  const { kept, isLost } = collected;
  const bytes = sum(removed.filter(({ where }) => where === 'store').map((one) => one.bytes));
  const { running, ended } = kept;
  output.record({ type: 'gc', dryRun, removed, bytes, kept: { running, ended, bytes: kept.bytes }, isLost });
  const rows = removed.map(({ where, kind, count, bytes: size }) => [kind, where, String(count), bytesText(size)]);
  if (rows.length > 0)
    for (const line of table([['what', 'where', 'objects', 'size'], ...rows], [2, 3])) output.line(line);
  const verb = dryRun ? 'would be removed' : 'removed';
  output.line(
    removed.length === 0
      ? `Nothing to remove: ${bytesText(kept.bytes)} are in use.`
      : `${bytesText(bytes)} ${verb} from the store, ${bytesText(kept.bytes)} stay for ${counted(running, 'run')} under way and ${counted(ended, 'run')} that ended.`,
  );
  if (isLost)
    output.warn('Stopped before the end: another collection took over, or this one stood still for too long.');
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name)).catch(() => null))?.size ?? 0);
  return sum(await Promise.all(sizes));
}

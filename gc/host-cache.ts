// The cache of this host holds links to what was removed from the store: the space is free once those go, too.
import { basename } from 'node:path';
import { cacheEntries, discard, type CacheEntry } from '../store/host-cache.js';

export interface HostCacheOptions {
  /** Hex digests of blobs that stay in the store. */
  kept: ReadonlySet<string>;
  now: number;
  /** Milliseconds for which an entry is left alone after its last use. */
  idleMs: number;
  dryRun: boolean;
}

/** Takes the entries out of the cache whose artifacts are gone, and returns them. */
export async function collectHostCache(cacheDir: string, options: HostCacheOptions): Promise<CacheEntry[]> {
  const { kept, now, idleMs, dryRun } = options;
  const unused = (await cacheEntries(cacheDir, now)).filter(
    ({ path, usedAt }) => !kept.has(basename(path).replace(/^file-/, '')) && now - usedAt >= idleMs,
  );
  if (!dryRun) for (const { path } of unused) await discard(path);
  return unused;
}

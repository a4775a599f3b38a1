// The local folders of artifacts on this host, bounded: which are in use, and when the rest is thrown out.
import { evictCache, materialise } from '../store/artifacts.js';
import { materialiseInput } from '../store/files.js';
import type { ObjectStore } from '../store/store.js';

/** The folders that one attempt uses; none of them is evicted before `close`. */
export interface CacheLease {
  artifact(tree: string): Promise<string>;
  input(file: { digest: string; folder: boolean }): Promise<string>;
  /** Keeps a folder that was made elsewhere. */
  keep(path: string): void;
  close(): void;
}

export interface ArtifactCache {
  readonly dir: string;
  lease(): CacheLease;
}

const sweepEveryMs = 60_000;

/** The cache below `dir`, kept to about `maxBytes`. */
export function createArtifactCache(store: ObjectStore, dir: string, maxBytes: number): ArtifactCache {
  const leases = new Set<Set<string>>();
  let sweptAt = 0;
  const sweep = (): void => {
    if (Date.now() - sweptAt < sweepEveryMs) return;
    sweptAt = Date.now();
    const inUse = new Set([...leases].flatMap((paths) => [...paths]));
    // Only space is at stake: the next sweep tries again.
    evictCache(dir, maxBytes, { inUse }).catch(() => undefined);
  };
  return {
    dir,
    lease() {
      const paths = new Set<string>();
      leases.add(paths);
      const keep = (path: string): string => {
        paths.add(path);
        return path;
      };
      return {
        artifact: async (tree) => keep(await materialise(store, dir, tree)),
        input: async (file) => keep(await materialiseInput(store, dir, file)),
        keep: (path) => void keep(path),
        close() {
          leases.delete(paths);
          sweep();
        },
      };
    },
  };
}

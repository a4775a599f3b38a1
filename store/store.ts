// What the store promises, whether it lies in a folder or on S3. Two layers: objects (bytes under names, as S3 has them)
// and the records of Pawl on top of them (store/records.ts and its neighbours, plain functions over `ObjectStore`).

import type { Digest } from '../schemas/identity.js';

/** Names an object's version for compare-and-swap; opaque. */
export type Etag = string;

export interface ObjectInfo {
  name: string;
  bytes: number;
  /** Milliseconds since the epoch. */
  modifiedAt: number;
}

/** An object that was made a local file. */
export interface Placed extends ObjectInfo {
  /** sha256 of the bytes, where they were read on their way. */
  digest?: Digest;
}

/**
 * Objects under slash-separated names. No rename, no append. Every write is durable (fsync) when it resolves.
 * Fails with StoreError: `store_unavailable`, or `config` where somebody has to change something first; a missing object is `null`, a lost race is `false`.
 */
export interface ObjectStore {
  /** Identity of the store, made once; workers refuse a store whose id is not the run's. */
  readonly id: string;
  /** The bytes, or those from `start` up to but without `end`, cut at the object's end. */
  get(name: string, range?: { start: number; end: number }): Promise<Uint8Array | null>;
  /** The object and the etag that compareAndSwap wants. */
  getVersioned(name: string): Promise<{ body: Uint8Array; etag: Etag } | null>;
  head(name: string): Promise<ObjectInfo | null>;
  /**
   * True when this call created the object; false when it was there. Atomic between processes. With `flush: false` it may be
   * lost, or come back damaged, when the machine loses power; not when a process dies. With `oftenThere` a store may look first
   * whether it is there, where that is cheap. With `after` the object is not there before that resolves, and not at all when it
   * rejects, which is this call's failure then; nobody else has to handle that.
   */
  createIfAbsent(
    name: string,
    body: Uint8Array | string,
    options?: { flush?: boolean; oftenThere?: boolean; after?: Promise<unknown> },
  ): Promise<boolean>;
  /** Replaces the version `etag`; false when another one is there by now. Atomic between processes. */
  compareAndSwap(name: string, etag: Etag, body: Uint8Array | string): Promise<boolean>;
  /** Replaces whatever is there. For run records, cursors and other objects with one writer. */
  put(name: string, body: Uint8Array | string): Promise<void>;
  /**
   * Puts a local file under `name` if absent. A file that is 'ours' (the default) is taken over where possible: linked and
   * made read-only, and must not be changed afterwards. 'theirs' belongs to somebody who may change it: cloned or copied.
   * A store that reads the file anyway refuses it as `data` when it does not hold `digest`. Returns the object that stands.
   */
  createFromFile(
    name: string,
    path: string,
    options?: { source?: 'ours' | 'theirs'; digest?: Digest },
  ): Promise<ObjectInfo & { created: boolean }>;
  /** Makes the object readable at `path` (a link where the store allows; read-only). */
  toFile(name: string, path: string): Promise<Placed | null>;
  /** Names that begin with `prefix`, sorted. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  remove(name: string): Promise<void>;
}

/** Names of everything Pawl keeps. The only place that spells them. */
export const names = {
  blob: (digest: string) => {
    const hex = digest.replace(/^sha256:/, '');
    return `blobs/${hex.slice(0, 2)}/${hex}`;
  },
  result: (key: string) => `results/${key}.json`,
  claim: (key: string) => `claims/${key}.json`,
  /** Newest first is by `step`, then by attempt; step is zero-padded so that names sort. */
  checkpoint: (checkpointKey: string, step: number, attempt: string) =>
    `checkpoints/${checkpointKey}/${String(step).padStart(12, '0')}-${attempt}.json`,
  checkpoints: (checkpointKey: string) => `checkpoints/${checkpointKey}/`,
  click: (loopKey: string, index: number) => `loops/${loopKey}/${String(index).padStart(9, '0')}.json`,
  clicks: (loopKey: string) => `loops/${loopKey}/`,
  journal: (key: string, attempt: string, part: number) =>
    `journals/${key}/${attempt}.${String(part).padStart(6, '0')}.jsonl`,
  /** The logs of a run's steps. */
  logs: (workflowId: string) => `logs/${encodeURIComponent(workflowId)}/`,
  run: (workflowId: string, runId: string) =>
    `runs/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}.json`,
  plan: (planHash: string) => `plans/${planHash.replace(/^sha256:/, '')}.json`,
  source: (planHash: string) => `sources/${planHash.replace(/^sha256:/, '')}.json`,
  cursor: (workflowId: string, runId: string) =>
    `cursors/${encodeURIComponent(workflowId)}/${encodeURIComponent(runId)}.json`,
} as const;

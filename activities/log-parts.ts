// The parts of an attempt's log in the store: the last is written again as it grows; of a log that is too long the parts in
// the middle go. Written behind the step, one write after the other.
import { removeLogPart, writeLogPart, type LogName } from '../store/logs.js';
import type { ObjectStore } from '../store/store.js';

export interface LogBounds {
  /** From here on a new part is begun. */
  partBytes: number;
  /** Parts that stay of the beginning. */
  first: number;
  /** Parts that stay in all. */
  most: number;
  /** What is added waits so long for its write. */
  flushEveryMs: number;
}

export interface LogParts {
  add(text: string): void;
  /** Resolves when what was added has been written, or could not be. */
  close(): Promise<void>;
}

/** The parts of one log. Never fails: what the store does not take is lost. */
export function createLogParts(store: ObjectStore, name: LogName, bounds: LogBounds): LogParts {
  const { partBytes, first, most, flushEveryMs } = bounds;
  const waiting = new Map<number, string>();
  const last = { part: 0, text: '', bytes: 0 };
  let kept = first; // parts from `first` up to here are gone
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> | null = null;

  const write = async (): Promise<void> => {
    const parts = [...waiting].sort(([a], [b]) => a - b);
    waiting.clear();
    for (const [part, text] of parts) {
      await writeLogPart(store, name, part, text).catch(() => undefined);
      for (; kept <= part - most + first; kept += 1) await removeLogPart(store, name, kept).catch(() => undefined);
    }
  };
  const flush = (): void => {
    timer = null;
    // A slow store is not asked twice at once; what comes meanwhile waits.
    if (writing === null) writing = write().finally(() => (writing = null));
    else schedule();
  };
  const schedule = (): void => {
    timer ??= setTimeout(flush, flushEveryMs);
  };
  return {
    add(text) {
      const bytes = Buffer.byteLength(text);
      if (last.bytes > 0 && last.bytes + bytes > partBytes)
        Object.assign(last, { part: last.part + 1, text: '', bytes: 0 });
      Object.assign(last, { text: last.text + text, bytes: last.bytes + bytes });
      waiting.set(last.part, last.text);
      const superseded = last.part - most + first;
      if (superseded >= first) waiting.delete(superseded); // it writes faster than the store
      schedule();
    },
    async close() {
      if (timer !== null) clearTimeout(timer);
      await writing;
      await write();
    },
  };
}

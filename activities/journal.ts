// The journal of one attempt: points gather here and become a part in the store at each checkpoint and at the commit, so
// that what a rewind takes back was never published.
import { journalLine } from '../schemas/journal.js';
import { appendJournalPart, readJournal } from '../store/journals.js';
import type { ObjectStore } from '../store/store.js';

export interface AttemptJournal {
  /** Takes a point; kept in memory until the next flush. */
  add(step: number, values: Record<string, number | null>): void;
  /**
   * Stores what has gathered by now as the next part; resolves with the journal's length up to now, in bytes, once it
   * is durable. Points added after the call are not in it. Safe to call with nothing new, and again after a failure.
   */
  flush(): Promise<number>;
  /** Whether there were points before the last call of flush. */
  hasPoints(): boolean;
}

/** Where a resumed attempt's journal begins: the first `bytes` of another attempt's. */
export interface JournalStart {
  key: string;
  attempt: string;
  bytes: number;
}

/**
 * Opens the journal of an attempt. After a resume it begins with a copy of the checkpoint's journal up to the
 * checkpoint's offset: the journal of the attempt that commits is then the whole history, and a byte offset into it
 * means the same for every attempt.
 */
export async function openJournal(
  store: ObjectStore,
  name: { key: string; attempt: string },
  start: JournalStart | null,
  clock: () => number,
): Promise<AttemptJournal> {
  let gathered = start === null ? '' : await prefixOf(store, start);
  let bytes = 0;
  let part = 0;
  const unsent: string[] = [];
  let sending: Promise<void> = Promise.resolve();
  const send = async (): Promise<void> => {
    for (let [text] = unsent; text !== undefined; [text] = unsent) {
      await appendJournalPart(store, { ...name, part, text });
      part += 1;
      unsent.shift();
    }
  };
  return {
    add(step, values) {
      gathered += journalLine({ step, at: clock(), values });
    },
    async flush() {
      if (gathered !== '') unsent.push(gathered);
      bytes += Buffer.byteLength(gathered);
      gathered = '';
      const cut = bytes;
      // A part that could not be written stays first in line for the next flush.
      sending = sending.catch(() => undefined).then(send);
      await sending;
      return cut;
    },
    hasPoints: () => bytes > 0,
  };
}

async function prefixOf(store: ObjectStore, start: JournalStart): Promise<string> {
  if (start.bytes === 0) return '';
  const whole = Buffer.from(await readJournal(store, start), 'utf8');
  return whole.subarray(0, start.bytes).toString('utf8');
}

// The journal of an attempt: the events of its trainer as lines, in parts that are created and never changed.
import { StoreError } from './errors.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

export interface JournalName {
  key: string;
  attempt: string;
}

/**
 * Creates part `part` (from 0) of a journal. Writing the same part again is fine; another text under the same number is
 * a bug of the writer, because an attempt has one.
 */
export async function appendJournalPart(
  store: ObjectStore,
  journal: JournalName & { part: number; text: string },
): Promise<void> {
  const name = names.journal(journal.key, journal.attempt, journal.part);
  if (await store.createIfAbsent(name, journal.text)) return;
  const standing = await store.get(name);
  if (standing === null || new TextDecoder().decode(standing) !== journal.text)
    throw new StoreError(
      'internal',
      `Internal error: part ${journal.part} of the journal ${name} was written twice with different lines`,
    );
}

/** The whole journal, all parts joined; '' when there is none. Its UTF-8 bytes are what offsets count. */
export async function readJournal(store: ObjectStore, journal: JournalName): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const { name } of store.list(journalPrefix(journal))) {
    const body = await store.get(name);
    if (body !== null) parts.push(body);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** How many parts a journal has and how many bytes they hold: where the next part goes. */
export async function journalExtent(
  store: ObjectStore,
  journal: JournalName,
): Promise<{ parts: number; bytes: number }> {
  let parts = 0;
  let total = 0;
  for await (const { bytes } of store.list(journalPrefix(journal))) {
    parts += 1;
    total += bytes;
  }
  return { parts, bytes: total };
}

const journalPrefix = ({ key, attempt }: JournalName): string => `journals/${key}/${attempt}.`;

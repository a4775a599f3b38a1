// Objects whose bytes are wrong are moved aside under quarantine/, for a person to look at; nothing else reads them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from './errors.js';
import { listAll } from './list-all.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

/** Moves a blob aside and returns the StoreError `artifact_damaged` that says so. Safe when another process does the same. */
export async function quarantineBlob(store: ObjectStore, digest: string, fact: string): Promise<StoreError> {
  const name = names.blob(digest);
  const aside = quarantineName(digest);
  const folder = await mkdtemp(join(tmpdir(), 'pawl-quarantine-'));
  try {
    const copy = join(folder, 'blob');
    if ((await store.toFile(name, copy)) !== null) {
      await store.remove(aside); // an earlier one: what counts is when it last happened
      await store.createFromFile(aside, copy, { source: 'theirs' });
      await store.remove(name);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return new StoreError(
    'artifact_damaged',
    `${fact} The bytes are kept as ${aside} in the store; the step that made them runs again when they are needed.`,
  );
}

/** When blobs were set aside last, by hex digest, in milliseconds since the epoch. Empty, and cheap to ask, as long as nothing was damaged. */
export async function quarantinedBlobs(store: ObjectStore): Promise<Map<string, number>> {
  const prefix = quarantineName('');
  const objects = await listAll(store, prefix);
  return new Map(objects.map(({ name, modifiedAt }) => [name.slice(prefix.length), modifiedAt]));
}

const quarantineName = (digest: string): string => `quarantine/blobs/${digest.replace(/^sha256:/, '')}`;

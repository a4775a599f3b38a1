// store.json, which makes a folder or a prefix a store: its id and the version of its format.
import { randomUUID } from 'node:crypto';
import { StoreError } from './errors.js';

const FORMAT_VERSION = 1;

/** The text of the store.json of a new store. */
export const newStoreJson = (): string =>
  `${JSON.stringify({ pawl: 'store', id: randomUUID(), formatVersion: FORMAT_VERSION })}\n`;

/** The id in a store.json, which is at `place`. Throws StoreError `config` for something else or a newer format. Pure. */
export function parseStoreJson(body: string, place: string): string {
  const { id, formatVersion } = fieldsOf(body, place);
  if (formatVersion > FORMAT_VERSION)
    throw new StoreError(
      'config',
      `The store of ${place} has format ${formatVersion}, made by a newer version of Pawl; this one reads up to ${FORMAT_VERSION}. Update Pawl, or use another store.`,
    );
  return id;
}

function fieldsOf(body: string, place: string): { id: string; formatVersion: number } {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    value = null;
  }
  if (typeof value === 'object' && value !== null && 'id' in value && 'formatVersion' in value) {
    const { id, formatVersion } = value;
    if (typeof id === 'string' && id !== '' && typeof formatVersion === 'number') return { id, formatVersion };
  }
  throw new StoreError(
    'config',
    `${place} is not the store.json of a store. Is this place used by something else? Use another one as the store.`,
  );
}

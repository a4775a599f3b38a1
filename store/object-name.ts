// Which names an object may have, on a folder as on S3.
import { StoreError } from './errors.js';

const MAX_NAME = 1024;
const MAX_SEGMENT = 255;

/**
 * Refuses a name that could leave the store or that one of the kinds of store could not hold: segments of visible ASCII
 * without backslash, none empty, '.' or '..', none beginning with '.' at the top (the store's own). Throws `internal`: names come from code.
 */
export function checkObjectName(name: string): void {
  const why = objection(name);
  if (why !== null)
    throw new StoreError('internal', `Internal error: ${JSON.stringify(name)} cannot name an object: ${why}`);
}

/** Like checkObjectName for the beginning of names; '' is every name. */
export function checkPrefix(prefix: string): void {
  if (prefix !== '') checkObjectName(prefix.endsWith('/') ? `${prefix}x` : prefix);
}

function objection(name: string): string | null {
  if (name === '') return 'it is empty';
  if (name.length > MAX_NAME) return `it is longer than ${MAX_NAME} characters`;
  if (!/^[\x21-\x5b\x5d-\x7e]+$/.test(name)) return 'only visible ASCII characters without backslash are allowed';
  if (name.startsWith('.') || name === 'store.json') return 'that is the store’s own';
  for (const segment of name.split('/')) {
    if (segment === '') return 'it begins, ends or is split with an empty segment';
    if (segment === '.' || segment === '..') return `'${segment}' is no segment`;
    if (segment.length > MAX_SEGMENT) return `a segment is longer than ${MAX_SEGMENT} characters`;
  }
  return null;
}

// Records as JSON objects: written canonically, checked against schemas/records.schema.json when read.
import type { Records } from '../schemas/generated/records.js';
import { records as validRecords } from '../schemas/generated/validators.js';
import { canonicalJson } from '../schemas/canonical-json.js';
import { StoreError } from './errors.js';

type RecordName = keyof Records;

/** The bytes of a record. Pure. */
export const recordBytes = (record: object): string => canonicalJson(record);

/**
 * The record in `body`, which was stored as `objectName`. Pure.
 * Throws `artifact_damaged` when it is no such record, `worker_outdated` when a newer version wrote it.
 */
export function parseRecord<Name extends RecordName>(
  name: Name,
  body: Uint8Array,
  objectName: string,
): NonNullable<Records[Name]> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new StoreError(
      'artifact_damaged',
      `${objectName} in the store is not JSON: it was damaged or written by something else.`,
      { cause },
    );
  }
  const wrapped: unknown = { [name]: value };
  if (isRecords(wrapped)) {
    const record = wrapped[name];
    if (record !== undefined) return record;
  }
  refuseNewer(value, objectName);
  const [first] = validRecords.errors ?? [];
  const detail = first === undefined ? '' : ` (${first.instancePath || '/'} ${first.message ?? 'is wrong'})`;
  throw new StoreError('artifact_damaged', `${objectName} in the store is no valid ${name} record${detail}.`);
}

/** Like parseRecord, and null for a damaged record, where one counts as not there. Pure. */
export function parseIntact<Name extends RecordName>(
  name: Name,
  body: Uint8Array,
  objectName: string,
): NonNullable<Records[Name]> | null {
  try {
    return parseRecord(name, body, objectName);
  } catch (error) {
    if (error instanceof StoreError && error.failureClass === 'artifact_damaged') return null;
    throw error;
  }
}

const isRecords = (value: unknown): value is Records => validRecords(value);

function refuseNewer(value: unknown, objectName: string): void {
  if (typeof value !== 'object' || value === null || !('schema' in value)) return;
  if (typeof value.schema === 'number' && value.schema > 1)
    throw new StoreError(
      'worker_outdated',
      `${objectName} in the store was written by a newer version of Pawl (record version ${value.schema}, this one reads 1). Update Pawl here.`,
    );
}

// Writes that happen once: If-None-Match for a new object, If-Match for a version. Each carries an id of its own in the object's
// metadata: where the answer was lost and the repetition meets an object, the id tells whether the first sending made it.
import { randomUUID } from 'node:crypto';
import type { Answer, S3Client } from './client.js';
import { refusalOf, refused } from './failures.js';

const WRITE_ID = 'x-amz-meta-pawl-write';

export type Condition = { 'if-none-match': '*' } | { 'if-match': string };

/** A new id for a conditional write, as a header. */
export const newWriteId = (): Record<string, string> => ({ [WRITE_ID]: randomUUID() });

/** Puts an object if the condition holds; false when it does not. Sure of which, also when answers were lost. */
export async function putIf(
  client: S3Client,
  key: string,
  condition: Condition,
  body: Uint8Array | string,
): Promise<boolean> {
  const writeId = newWriteId();
  const headers = { ...condition, ...writeId };
  const answer = await client.call(`write ${key}`, { method: 'PUT', key, headers, body }, [404, 412]);
  if (answer.status < 300) return true;
  refuseMissingBucket(client, `write ${key}`, answer);
  return answer.uncertain && (await isOurs(client, key, writeId)) === true;
}

/** Whether the object that stands was made by the write of this id; null when there is no object. */
export async function isOurs(client: S3Client, key: string, writeId: Record<string, string>): Promise<boolean | null> {
  const answer = await client.call(`look at ${key}`, { method: 'HEAD', key }, [404]);
  return answer.status === 404 ? null : answer.headers[WRITE_ID] === writeId[WRITE_ID];
}

/** 404 is the answer for an object that is not there, and for a bucket that is not: the latter is an error. */
export function refuseMissingBucket(client: S3Client, action: string, answer: Answer): void {
  if (answer.status !== 404) return;
  const refusal = refusalOf(answer);
  if (refusal.code === 'NoSuchBucket') throw refused(client.settings, action, refusal);
}

// The id of a store on S3, and the probe that its server passes before the store is made: a server that ignores conditions would
// let two workers commit one result.
import { randomUUID } from 'node:crypto';
import { StoreError } from '../errors.js';
import { newStoreJson, parseStoreJson } from '../store-json.js';
import type { S3Client } from './client.js';
import { putIf, refuseMissingBucket } from './conditional-write.js';

/** The id in store.json; the first to open the store makes it, after the probe. */
export async function readOrMakeId(client: S3Client): Promise<string> {
  const standing = await read(client);
  if (standing !== null) return standing;
  await probe(client);
  await putIf(client, keyOf(client), { 'if-none-match': '*' }, newStoreJson());
  const made = await read(client);
  if (made === null)
    throw new StoreError(
      'store_unavailable',
      `The store ${client.settings.url} does not show what was just written to it.`,
    );
  return made;
}

const keyOf = ({ settings }: S3Client): string => `${settings.prefix}store.json`;

async function read(client: S3Client): Promise<string | null> {
  const key = keyOf(client);
  const answer = await client.call(`read ${key}`, { method: 'GET', key }, [404]);
  refuseMissingBucket(client, `read ${key}`, answer);
  if (answer.status === 404) return null;
  return parseStoreJson(new TextDecoder().decode(answer.body), `${client.settings.url}/store.json`);
}

/** Throws StoreError `config` unless an object is created once, and swapped on its own version only. */
async function probe(client: S3Client): Promise<void> {
  const key = `${client.settings.prefix}.probe/${randomUUID()}`;
  try {
    await putIf(client, key, { 'if-none-match': '*' }, 'one');
    if (await putIf(client, key, { 'if-none-match': '*' }, 'two')) throw ignores(client, 'If-None-Match: *', 'created');
    const { headers } = await client.call(`read ${key}`, { method: 'GET', key });
    await client.call(`write ${key}`, { method: 'PUT', key, body: 'three' });
    if (await putIf(client, key, { 'if-match': headers.etag ?? '' }, 'four'))
      throw ignores(client, 'If-Match', 'replaced');
  } finally {
    await client.call(`remove ${key}`, { method: 'DELETE', key }, [404]).catch(() => undefined);
  }
}

const ignores = ({ settings }: S3Client, header: string, what: string): StoreError =>
  new StoreError(
    'config',
    `The server ${settings.base.host} of the store ${settings.url} ignores \`${header}\`: it ${what} an object twice. Two workers could then commit one result. Use a server with conditional writes, such as AWS S3, or a folder as the store.`,
  );

// From an object to a local file, hashed on its way. A transfer that breaks off goes on where it stopped.
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeFile } from '../durable-file.js';
import { StoreError, systemCode, unavailable } from '../errors.js';
import type { Placed } from '../store.js';
import { bytesOf, pauseMs } from './client.js';
import type { S3Client } from './client.js';
import { refusalOf, refused, unreachable } from './failures.js';

/** Makes the object a read-only file at `path`, which never shows half of it; null when there is no object. */
export async function downloadFile(
  client: S3Client,
  { key, name, path }: { key: string; name: string; path: string },
): Promise<Placed | null> {
  const partial = `${path}.${randomBytes(6).toString('hex')}.partial`;
  try {
    const file = await open(partial, 'wx', 0o400);
    let placed: Placed | null;
    try {
      placed = await fill(client, { key, name }, file);
      await file.sync();
    } finally {
      await file.close();
    }
    if (placed === null) await removeFile(partial);
    else await rename(partial, path);
    return placed;
  } catch (error) {
    await removeFile(partial).catch(() => undefined);
    throw unavailable(error, 'write', path);
  }
}

async function fill(client: S3Client, object: { key: string; name: string }, file: FileHandle): Promise<Placed | null> {
  const action = `read ${object.key}`;
  const hash = createHash('sha256');
  let etag = '';
  let bytes = 0;
  for (let tries = 1; ; tries += 1) {
    const message = await begin(client, object.key, { bytes, etag });
    if (message === null) return null;
    etag = message.headers.etag ?? '';
    const before = bytes;
    const broken = await taken(message, async (chunk) => {
      hash.update(chunk);
      await file.write(chunk);
      bytes += chunk.length;
    });
    if (broken === null)
      return { ...object, bytes, modifiedAt: modifiedAt(message), digest: `sha256:${hash.digest('hex')}` };
    if (bytes > before) tries = 1;
    if (tries >= client.options.tries) throw unreachable(client.settings, action, broken);
    await sleep(pauseMs(client.options.pauseMs, tries));
  }
}

/** The answer with the bytes that are still missing; null when there is no object. */
async function begin(
  client: S3Client,
  key: string,
  { bytes, etag }: { bytes: number; etag: string },
): Promise<IncomingMessage | null> {
  const action = `read ${key}`;
  const headers = bytes === 0 ? {} : { range: `bytes=${bytes}-`, 'if-match': etag };
  const message = await client.open(action, { method: 'GET', key, headers }, [404, 412]);
  const status = message.statusCode ?? 0;
  if (status < 300) return message;
  const refusal = refusalOf({ status, headers: message.headers, body: await bytesOf(message) });
  if (status === 404 && refusal.code !== 'NoSuchBucket') return null;
  if (status === 404) throw refused(client.settings, action, refusal);
  throw new StoreError(
    'store_unavailable',
    `${key} was replaced in the store ${client.settings.url} while it was read.`,
  );
}

/** Hands over what comes. Returns what broke the connection, or null at the end; an error of `take` is thrown. */
async function taken(message: IncomingMessage, take: (chunk: Buffer) => Promise<void>): Promise<Error | null> {
  const failed: { taking?: unknown } = {};
  try {
    for await (const chunk of message) {
      await take(chunk as Buffer).catch((error: unknown) => {
        failed.taking = error;
        throw error;
      });
    }
    return null;
  } catch (error) {
    if ('taking' in failed) throw failed.taking;
    if (error instanceof Error && systemCode(error) !== null) return error;
    throw error;
  }
}

/** When the object was written, milliseconds since the epoch. Pure. */
export const modifiedAt = ({ headers }: Pick<IncomingMessage, 'headers'>): number =>
  Date.parse(headers['last-modified'] ?? '') || 0;

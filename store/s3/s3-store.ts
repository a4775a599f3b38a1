// The store on S3: objects of a bucket under a prefix.
//
//   <prefix>store.json    id and version of the format; made when the server has passed the probe
//   <prefix>.probe/<id>   what the probe writes and removes (probe.ts)
//   <prefix><name>        an object
//
// I1. What must happen once is a conditional write; the server decides it, in one request (conditional-write.ts).
// I2. The etag of an object is the server's. Two versions with the same bytes may have the same one and count as the same.
// I3. Requests are limited and repeated by client.ts; connections are kept. Nothing is read twice to be sure.
import { stat } from 'node:fs/promises';
import { unavailable } from '../errors.js';
import { checkObjectName, checkPrefix } from '../object-name.js';
import type { ObjectInfo, ObjectStore } from '../store.js';
import { createClient, defaults } from './client.js';
import type { Answer, S3Client, S3Options } from './client.js';
import { putIf, refuseMissingBucket } from './conditional-write.js';
import { downloadFile, modifiedAt } from './download.js';
import { readOrMakeId } from './store-id.js';
import { s3Settings } from './settings.js';
import type { Variables } from './settings.js';
import { uploadFile } from './upload.js';
import { elementsIn, textIn } from './xml.js';

/** Larger files are looked for before they are sent. */
const LOOK_FIRST_BYTES = 1024 * 1024;

/**
 * Opens the store at s3://bucket/prefix with the AWS_ variables in `variables`. Throws StoreError `config` for an address,
 * credentials, a bucket or a server that do not do, `store_unavailable` when the server cannot be reached.
 */
export async function openS3Store(
  url: string,
  variables: Variables,
  options: Partial<S3Options> = {},
): Promise<ObjectStore> {
  const client = createClient(s3Settings(url, variables), { ...defaults, ...options });
  const id = await readOrMakeId(client);
  const keyOf = (name: string): string => {
    checkObjectName(name);
    return client.settings.prefix + name;
  };
  return { id, ...readers(client, keyOf), ...writers(client, keyOf), list: (prefix) => list(client, prefix) };
}

type KeyOf = (name: string) => string;
type Readers = 'get' | 'getVersioned' | 'head' | 'toFile';

function readers(client: S3Client, keyOf: KeyOf): Pick<ObjectStore, Readers> {
  return {
    get: async (name, range) => {
      const key = keyOf(name);
      if (range === undefined) return (await getWhole(client, key))?.body ?? null;
      const { start, end } = { start: Math.max(range.start, 0), end: range.end };
      if (end <= start) return (await headOf(client, keyOf, name)) === null ? null : new Uint8Array();
      const headers = { range: `bytes=${start}-${end - 1}` };
      const answer = await client.call(`read ${key}`, { method: 'GET', key, headers }, [404, 416]);
      refuseMissingBucket(client, `read ${key}`, answer);
      if (answer.status === 404) return null;
      return answer.status === 416 ? new Uint8Array() : answer.body;
    },
    getVersioned: async (name) => {
      const answer = await getWhole(client, keyOf(name));
      return answer && { body: answer.body, etag: answer.headers.etag ?? '' };
    },
    head: (name) => headOf(client, keyOf, name),
    toFile: (name, path) => downloadFile(client, { key: keyOf(name), name, path }),
  };
}

function writers(client: S3Client, keyOf: KeyOf): Omit<ObjectStore, Readers | 'id' | 'list'> {
  return {
    createIfAbsent: async (name, body, { after } = {}) => {
      await after;
      return putIf(client, keyOf(name), { 'if-none-match': '*' }, body);
    },
    compareAndSwap: async (name, etag, body) => putIf(client, keyOf(name), { 'if-match': etag }, body),
    put: async (name, body) => {
      const key = keyOf(name);
      await client.call(`write ${key}`, { method: 'PUT', key, body });
    },
    createFromFile: async (name, path, options) => {
      const key = keyOf(name);
      const bytes = await sizeOf(path);
      const found = bytes > LOOK_FIRST_BYTES ? await headOf(client, keyOf, name) : null;
      if (found !== null) return { ...found, created: false };
      const upload = { key, path, digest: options?.digest ?? null };
      const created = await uploadFile(client, upload).catch((error: unknown) => {
        throw unavailable(error, 'read', path);
      });
      if (created) return { name, bytes, modifiedAt: Date.now(), created };
      return { ...((await headOf(client, keyOf, name)) ?? { name, bytes: 0, modifiedAt: 0 }), created };
    },
    remove: async (name) => {
      const key = keyOf(name);
      await client.call(`remove ${key}`, { method: 'DELETE', key }, [404]);
    },
  };
}

async function getWhole(client: S3Client, key: string): Promise<Answer | null> {
  const answer = await client.call(`read ${key}`, { method: 'GET', key }, [404]);
  refuseMissingBucket(client, `read ${key}`, answer);
  return answer.status === 404 ? null : answer;
}

async function headOf(client: S3Client, keyOf: KeyOf, name: string): Promise<ObjectInfo | null> {
  const key = keyOf(name);
  const answer = await client.call(`look at ${key}`, { method: 'HEAD', key }, [404]);
  if (answer.status === 404) return null;
  return { name, bytes: Number(answer.headers['content-length'] ?? 0), modifiedAt: modifiedAt(answer) };
}

async function* list(client: S3Client, prefix: string): AsyncIterable<ObjectInfo> {
  checkPrefix(prefix);
  const { settings, options } = client;
  const query = { 'list-type': '2', prefix: settings.prefix + prefix, 'max-keys': String(options.pageSize) };
  for (let token: string | null = ''; token !== null;) {
    const more: Record<string, string> = token === '' ? {} : { 'continuation-token': token };
    const answer: Answer = await client.call(`list ${prefix}`, {
      method: 'GET',
      key: '',
      query: { ...query, ...more },
    });
    const page = new TextDecoder().decode(answer.body);
    for (const entry of elementsIn(page, 'Contents')) {
      const name = (textIn(entry, 'Key') ?? '').slice(settings.prefix.length);
      if (isOwn(name)) continue;
      const written = Date.parse(textIn(entry, 'LastModified') ?? '');
      yield { name, bytes: Number(textIn(entry, 'Size') ?? 0), modifiedAt: written || 0 };
    }
    token = textIn(page, 'IsTruncated') === 'true' ? textIn(page, 'NextContinuationToken') : null;
  }
}

/** What lies under the prefix and is no object: the store's own, and what consoles make for a folder. */
const isOwn = (name: string): boolean =>
  name === 'store.json' || name.startsWith('.') || name === '' || name.endsWith('/');

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw unavailable(error, 'read', path);
  }
}

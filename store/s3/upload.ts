// From a local file to an object that is there whole or not at all: in one request, or in parts that are put together at the end.
// A process that dies in mid-upload leaves parts that nobody sees; the next process that uploads parts removes old ones.
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { StoreError } from '../errors.js';
import { mapLimited } from '../map-limited.js';
import type { Answer, S3Client } from './client.js';
import { isOurs, newWriteId, putIf } from './conditional-write.js';
import { refusalOf, refused } from './failures.js';
import { elementsIn, escaped, textIn } from './xml.js';

/** Parts of one file under way at a time; each is in memory. */
const LANES = 4;
const MAX_PARTS = 10_000;
/** A server has trouble for a moment and says so with status 200. */
const COMPLETIONS = 3;

export interface FileToUpload {
  key: string;
  path: string;
  /** What the file must hold; null = whatever it holds. */
  digest: string | null;
}

/** Creates the object from a file, if it is absent; false when it was there. Throws StoreError `data` when the file changes meanwhile. */
export async function uploadFile(client: S3Client, upload: FileToUpload): Promise<boolean> {
  const file = await open(upload.path, 'r');
  try {
    const { size } = await file.stat();
    if (size > client.options.partBytes) return await uploadParts(client, upload, file, size);
    const source = ordered(file);
    const body = await source.read(0, size);
    source.check(upload);
    return await putIf(client, upload.key, { 'if-none-match': '*' }, body);
  } finally {
    await file.close();
  }
}

async function uploadParts(client: S3Client, upload: FileToUpload, file: FileHandle, size: number): Promise<boolean> {
  const { key } = upload;
  await sweepOnce(client);
  const writeId = newWriteId();
  const action = `write ${key}`;
  const begun = await client.call(action, { method: 'POST', key, query: { uploads: '' }, headers: writeId });
  const uploadId = textIn(textOf(begun), 'UploadId') ?? '';
  try {
    const etags = await sendParts(client, { ...upload, uploadId }, file, size);
    const standing = await complete(client, key, { uploadId, etags });
    if (standing === 'made') return true;
    const ours = await isOurs(client, key, writeId);
    if (ours === null)
      throw new StoreError('store_unavailable', `The upload of ${key} was removed in the store while it ran.`);
    if (!ours) await abort(client, key, uploadId);
    return ours;
  } catch (error) {
    await abort(client, key, uploadId).catch(() => undefined); // swept later
    throw error;
  }
}

async function sendParts(
  client: S3Client,
  upload: FileToUpload & { uploadId: string },
  file: FileHandle,
  size: number,
): Promise<string[]> {
  const { key, uploadId } = upload;
  const partBytes = Math.max(client.options.partBytes, Math.ceil(size / MAX_PARTS));
  const source = ordered(file);
  const starts = Array.from({ length: Math.ceil(size / partBytes) }, (_, index) => index * partBytes);
  const etags = await mapLimited(starts, LANES, async (start) => {
    const body = await source.read(start, Math.min(partBytes, size - start));
    const query = { partNumber: String(start / partBytes + 1), uploadId };
    const sent = await client.call(`write ${key}`, { method: 'PUT', key, query, body });
    return sent.headers.etag ?? '';
  });
  source.check(upload);
  return etags;
}

/** Puts the parts together; 'lost' when the object or the end of the upload was there first. */
async function complete(
  client: S3Client,
  key: string,
  { uploadId, etags }: { uploadId: string; etags: string[] },
): Promise<'made' | 'lost'> {
  const parts = etags.map(
    (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`,
  );
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  const headers = { 'if-none-match': '*', 'content-type': 'application/xml' };
  for (let tries = 1; ; tries += 1) {
    const action = `write ${key}`;
    const answer = await client.call(action, { method: 'POST', key, query: { uploadId }, headers, body }, [404, 412]);
    if (answer.status >= 300) return 'lost';
    if (elementsIn(textOf(answer), 'Error').length === 0) return 'made';
    if (tries === COMPLETIONS) throw refused(client.settings, action, { ...refusalOf(answer), status: 500 });
  }
}

const abort = (client: S3Client, key: string, uploadId: string): Promise<Answer> =>
  client.call(`remove the upload of ${key}`, { method: 'DELETE', key, query: { uploadId } }, [404]);

const swept = new WeakSet<S3Client>();

/** Removes what processes that died left of their uploads, once a process; never a reason to fail. */
async function sweepOnce(client: S3Client): Promise<void> {
  if (swept.has(client)) return;
  swept.add(client);
  await sweepUploads(client).catch(() => undefined);
}

async function sweepUploads(client: S3Client): Promise<void> {
  const query = { uploads: '', prefix: client.settings.prefix };
  const answer = await client.call('look for old uploads', { method: 'GET', key: '', query });
  for (const entry of elementsIn(textOf(answer), 'Upload')) {
    const [key, uploadId, initiated] = ['Key', 'UploadId', 'Initiated'].map((name) => textIn(entry, name) ?? '');
    const age = Date.now() - Date.parse(initiated ?? '');
    if (age >= client.options.uploadLifetimeMs) await abort(client, key ?? '', uploadId ?? '');
  }
}

/** Reads a file from its beginning to its end, whoever asks, and knows the digest of it all. */
function ordered(file: FileHandle): {
  read: (start: number, length: number) => Promise<Uint8Array>;
  check: (upload: FileToUpload) => void;
} {
  const hash = createHash('sha256');
  let last: Promise<unknown> = Promise.resolve();
  let isShort = false;
  const next = async (start: number, length: number): Promise<Uint8Array> => {
    const body = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await file.read(body, filled, length - filled, start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    isShort ||= filled < length;
    hash.update(body);
    return body;
  };
  return {
    read(start, length) {
      const reading = last.then(() => next(start, length));
      last = reading;
      return reading;
    },
    check({ path, digest }) {
      if (!isShort && (digest === null || digest === `sha256:${hash.digest('hex')}`)) return;
      throw new StoreError('data', `${path} changed while it was stored. Run again when nothing writes to it.`);
    },
  };
}

const textOf = ({ body }: Answer): string => new TextDecoder().decode(body);

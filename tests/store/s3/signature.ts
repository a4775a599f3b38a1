// AWS Signature Version 4 as a server checks it: from the bytes of a request as they arrived.
import { createHash, createHmac } from 'node:crypto';
import type { Seen } from './faulty-proxy.js';

/** Whether the request was signed with the secret, body and path included. */
export function isSignedRight({ method, url, headers }: Seen, body: Uint8Array, secret: string): boolean {
  const fields = /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(headers.authorization ?? '');
  const [, scope = '', names = '', signature = ''] = fields ?? [];
  const digest = createHash('sha256').update(body).digest('hex');
  if (headers['x-amz-content-sha256'] !== digest) return false;
  const [path = '', query = ''] = url.split('?');
  const sortedQuery = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`).replaceAll('+', '%20'))
    .sort()
    .join('&');
  const signedHeaders = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = [method, path, sortedQuery, signedHeaders.join(''), names, digest].join('\n');
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hashed].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((last, part) => createHmac('sha256', last).update(part).digest(), `AWS4${secret}`);
  return createHmac('sha256', key).update(text).digest('hex') === signature;
}

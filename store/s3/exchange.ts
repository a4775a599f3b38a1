// One signed request to S3 over a connection that is kept, and its answer. Tries once; retrying is client.ts.
import { createHash } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { AwsV4Signer } from 'aws4fetch';
import type { S3Settings } from './settings.js';

export interface S3Request {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Name of the object with the store's prefix; '' is the bucket. */
  key: string;
  query?: Readonly<Record<string, string>>;
  headers?: Readonly<Record<string, string>>;
  body?: Uint8Array | string;
}

/** The connections of one store: so many at a time, used again. */
export interface Wire {
  send(request: S3Request): Promise<IncomingMessage>;
}

/**
 * The wire to a store. `send` resolves with the head of the answer, whatever its status, and rejects with an Error that has a
 * system code when the connection fails or nothing comes for `idleMs`.
 */
export function openWire(settings: S3Settings, options: { connections: number; idleMs: number }): Wire {
  const isTls = settings.base.protocol === 'https:';
  // The connection that was used last is taken first: the others time out when there is less to do.
  const agentOptions = { keepAlive: true, maxSockets: options.connections, scheduling: 'lifo' as const };
  const agent = isTls ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);
  const start = isTls ? httpsRequest : httpRequest;
  const signingKeys = new Map<string, ArrayBuffer>();
  return {
    async send(request) {
      const { url, headers } = await signed(settings, request, signingKeys);
      return new Promise((resolve, reject) => {
        const outgoing = start(url, { method: request.method, headers, agent }, resolve);
        outgoing.setTimeout(options.idleMs, () => outgoing.destroy(silence(options.idleMs)));
        outgoing.once('error', reject);
        outgoing.end(request.body);
      });
    },
  };
}

const silence = (idleMs: number): Error =>
  Object.assign(new Error(`nothing came for ${idleMs / 1000} s`), { code: 'ETIMEDOUT' });

async function signed(
  settings: S3Settings,
  { method, key, query, headers, body }: S3Request,
  cache: Map<string, ArrayBuffer>,
): Promise<{ url: URL; headers: Record<string, string> }> {
  const url = new URL(settings.base);
  url.pathname += encoded(key);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  // The server checks what arrives against the digest, so that a body is whole or refused.
  const digest = createHash('sha256').update(body ?? '').digest('hex'); // prettier-ignore
  const signer = new AwsV4Signer({
    method,
    url: url.href,
    headers: { ...headers, 'x-amz-content-sha256': digest },
    ...settings.credentials,
    service: 's3',
    region: settings.region,
    cache,
  });
  const result = await signer.sign();
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return { url, headers: { ...Object.fromEntries(result.headers), ...length } };
}

/** A key as it stands in a URL: everything but the unreserved characters is escaped, as the signature wants it. Pure. */
const encoded = (key: string): string =>
  key
    .split('/')
    .map((segment) =>
      encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');

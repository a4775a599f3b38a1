// Requests to S3 with retries: an answer, or a StoreError that says what to do.
// A request is sent again after a 5xx, a 429, a broken connection or silence, with growing random pauses. `uncertain` then
// says that an earlier sending may have been carried out although its answer never came.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemCode } from '../errors.js';
import { openWire } from './exchange.js';
import type { S3Request } from './exchange.js';
import { isPassing, refusalOf, refused, unreachable } from './failures.js';
import type { S3Settings } from './settings.js';

/** What may be changed for a test, or for an odd server. */
export interface S3Options {
  /** Requests under way at a time. */
  connections: number;
  /** A connection on which nothing moves for so long is given up. */
  idleMs: number;
  /** Sendings of one request. */
  tries: number;
  /** The first pause; each further one is up to twice as long, 5 s at most. */
  pauseMs: number;
  /** Names in one page of a listing. */
  pageSize: number;
  /** Files above this size are uploaded in parts of it. */
  partBytes: number;
  /** Unfinished uploads of this age belong to nobody any more. */
  uploadLifetimeMs: number;
}

export const defaults: S3Options = {
  connections: 16,
  idleMs: 30_000,
  tries: 8,
  pauseMs: 100,
  pageSize: 1000,
  partBytes: 8 * 1024 * 1024,
  uploadLifetimeMs: 24 * 60 * 60 * 1000,
};

const MAX_PAUSE_MS = 5_000;
/** A server that is not there is not waited for as long: it may be an address that was mistyped. */
const TRIES_WITHOUT_SERVER = 4;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Uint8Array;
  /** Whether an earlier sending of the request may have been carried out. */
  uncertain: boolean;
}

export interface S3Client {
  settings: S3Settings;
  options: S3Options;
  /**
   * Sends a request until it is answered. `action` is for messages ('write results/a.json'); answers of a status in `expected`
   * are returned beside those of success, any other is thrown as a StoreError.
   */
  call(action: string, request: S3Request, expected?: readonly number[]): Promise<Answer>;
  /** Like call for a large body: it may break off while it is read, with an Error of a system code. */
  open(action: string, request: S3Request, expected?: readonly number[]): Promise<IncomingMessage>;
}

/** A client of one store. */
export function createClient(settings: S3Settings, options: S3Options): S3Client {
  const wire = openWire(settings, options);
  const send = async <Out>(
    { action, request, expected }: Sending,
    take: (message: IncomingMessage) => Promise<Out>,
  ): Promise<{ taken: Out; uncertain: boolean }> => {
    for (let tries = 1; ; tries += 1) {
      const outcome = await once(async () => {
        const message = await wire.send(request);
        const status = message.statusCode ?? 0;
        if (isSuccess(status) || expected.includes(status)) return { taken: await take(message) };
        const refusal = refusalOf({ status, headers: message.headers, body: await bytesOf(message) });
        const failure = refused(settings, action, refusal);
        return { failure, again: isPassing(refusal), waitMs: retryAfter(message.headers) };
      });
      if ('taken' in outcome) return { taken: outcome.taken, uncertain: tries > 1 };
      const { failure, again, waitMs, noServer } = outcome;
      if (!again || tries >= (noServer === true ? Math.min(TRIES_WITHOUT_SERVER, options.tries) : options.tries))
        throw unreachable(settings, action, failure);
      await sleep(Math.max(pauseMs(options.pauseMs, tries), waitMs));
    }
  };
  return {
    settings,
    options,
    call: async (action, request, expected = []) => {
      const { taken, uncertain } = await send({ action, request, expected }, async (message) => {
        const { statusCode = 0, headers } = message;
        return { status: statusCode, headers, body: await bytesOf(message) };
      });
      return { ...taken, uncertain };
    },
    open: async (action, request, expected = []) =>
      (await send({ action, request, expected }, (message) => Promise.resolve(message))).taken,
  };
}

interface Sending {
  action: string;
  request: S3Request;
  expected: readonly number[];
}

interface Failed {
  failure: unknown;
  again: boolean;
  waitMs: number;
  noServer?: boolean;
}

/** A sending, with a connection that failed as a value. */
async function once<Out>(run: () => Promise<{ taken: Out } | Failed>): Promise<{ taken: Out } | Failed> {
  try {
    return await run();
  } catch (failure) {
    const code = systemCode(failure);
    const again = code !== null && !/CERT|SELF_SIGNED|ERR_/.test(code);
    return { failure, again, waitMs: 0, noServer: ['ECONNREFUSED', 'ENOTFOUND'].includes(code ?? '') };
  }
}

/** The whole body. Rejects with ECONNRESET when it breaks off. */
export async function bytesOf(message: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

const isSuccess = (status: number): boolean => status >= 200 && status < 300;

/** Random between nothing and twice the last bound, so that many clients do not come back at once. */
export const pauseMs = (first: number, tries: number): number =>
  Math.random() * Math.min(MAX_PAUSE_MS, first * 2 ** (tries - 1));

function retryAfter(headers: IncomingHttpHeaders): number {
  const seconds = Number(headers['retry-after'] ?? 0);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0) * 1000, 4 * MAX_PAUSE_MS) : 0;
}

// What the tests of the store on S3 share: one server, the proxy before it, and stores on both.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { S3Options } from '../../../store/s3/client.js';
import { openS3Store } from '../../../store/s3/s3-store.js';
import type { ObjectStore } from '../../../store/store.js';
import { startS3 } from '../../support/s3-server.js';
import type { S3Server } from '../../support/s3-server.js';
import { startProxy } from './faulty-proxy.js';
import type { FaultyProxy, Seen } from './faulty-proxy.js';

export interface S3Bench {
  server: S3Server;
  proxy: FaultyProxy;
  /** A folder for files, removed at the end. */
  folder: string;
  /** The environment of a process that reaches the server through the proxy. */
  variables: Record<string, string>;
  /** A store of its own in the bucket, through the proxy, impatient. */
  open(options?: Partial<S3Options>): Promise<ObjectStore & { url: string }>;
}

/** A bench for all tests of the file. */
export function useS3(): () => S3Bench {
  let bench: S3Bench | null = null;
  let count = 0;
  beforeAll(async () => {
    const server = await startS3('bucket');
    const proxy = await startProxy(server.endpoint, server.variables.AWS_SECRET_ACCESS_KEY);
    const folder = await mkdtemp(join(tmpdir(), 'pawl-s3-'));
    const variables = { ...server.variables, AWS_ENDPOINT_URL: proxy.endpoint };
    const open: S3Bench['open'] = async (options = {}) => {
      const url = `s3://bucket/store-${(count += 1)}`;
      return { url, ...(await openS3Store(url, variables, { pauseMs: 1, idleMs: 5_000, ...options })) };
    };
    bench = { server, proxy, folder, variables, open };
  }, 120_000);
  afterAll(async () => {
    await bench?.proxy.stop();
    await bench?.server.stop();
    if (bench !== null) await rm(bench.folder, { recursive: true, force: true });
  });
  return () => {
    if (bench === null) throw new Error('the bench is there inside a test only');
    return bench;
  };
}

/** Requests of this method for an object of this name. */
export const isFor =
  (method: string, name: string) =>
  (seen: Seen): boolean =>
    seen.method === method && seen.url.split('?')[0]?.endsWith(`/${name}`) === true;

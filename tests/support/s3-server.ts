// A server that speaks S3, for one test file: moto of the set-up, in memory, on a port of its own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from './temporal-server.js';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const binary = join(root, '.pawl', 'python', 'bin', 'moto_server');

export interface S3Server {
  endpoint: string;
  /** What a process needs in its environment to use the server. */
  variables: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string; AWS_REGION: string; AWS_ENDPOINT_URL: string };
  stop(): Promise<void>;
}

/** Starts a server with these buckets; takes about two seconds. */
export async function startS3(...buckets: string[]): Promise<S3Server> {
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run node scripts/setup.mjs first`);
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server = spawn(binary, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exit = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGKILL');
    await exit;
  };
  for (let tries = 0; !(await answers(endpoint)); tries += 1) {
    if (server.exitCode !== null || tries > 900) {
      await stop();
      throw new Error(`no S3 server at ${endpoint} (exit code ${server.exitCode})`);
    }
    await pause(100);
  }
  for (const bucket of buckets) await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
  const keys = { AWS_ACCESS_KEY_ID: 'test-id', AWS_SECRET_ACCESS_KEY: 'test-secret-of-s3' };
  return { endpoint, variables: { ...keys, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: endpoint }, stop };
}

const answers = (endpoint: string): Promise<boolean> =>
  fetch(`${endpoint}/moto-api/`).then(
    ({ ok }) => ok,
    () => false,
  );

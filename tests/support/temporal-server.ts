// A Temporal server for one test file: the CLI of the set-up, on a port of its own, in a folder of its own, quick to poll.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { makeTelemetryFilterString, NativeConnection, Runtime } from '@temporalio/worker';
import { searchAttributes } from '../../schemas/search-attributes.js';

const binary = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.pawl', 'bin', 'temporal');

/** The history service polls its queues 20 times a second unless told otherwise. */
const dynamicConfig = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'system.enableActivityEagerExecution=true',
];

export interface TestServer {
  address: string;
  client: Client;
  /** For Worker.create. */
  connection: NativeConnection;
  stop(): Promise<void>;
}

/** Starts a server and connects to it; takes about two seconds. Pawl's search attributes are registered. */
export async function startTemporal(options: { dynamicConfig?: string[] } = {}): Promise<TestServer> {
  if (!existsSync(binary)) throw new Error(`${binary} is missing: run node scripts/setup.mjs first`);
  // Workers tell much about their start; what matters in a test is thrown.
  quiet();
  const folder = await mkdtemp(join(tmpdir(), 'pawl-temporal-'));
  const { server, address, plain } = await launch(folder, options.dynamicConfig ?? []);
  const connection = await NativeConnection.connect({ address });
  return {
    address,
    client: new Client({ connection: plain, identity: 'test' }),
    connection,
    async stop() {
      await plain.close();
      await connection.close();
      await ended(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const argumentsFor = (port: number, folder: string, more: string[]): string[] => [
  ...['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)],
  ...['--db-filename', join(folder, 'temporal.db'), '--log-level', 'error'],
  ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=OFF'],
  ...Object.entries(searchAttributes).flatMap(([name, type]) => ['--search-attribute', `${name}=${inCliWords(type)}`]),
  ...[...dynamicConfig, ...more].flatMap((entry) => ['--dynamic-config-value', entry]),
];

const inCliWords = (type: string): string => `${type.slice(0, 1)}${type.slice(1).toLowerCase()}`;

let isQuiet = false;

/** Installs a runtime that logs nothing; before the first worker of the process. */
export function quiet(): void {
  if (isQuiet) return;
  isQuiet = true;
  const silent = (): void => undefined;
  const logger = { log: silent, trace: silent, debug: silent, info: silent, warn: silent, error: silent };
  const logging = { filter: makeTelemetryFilterString({ core: 'ERROR' }), forward: {} };
  Runtime.install({ logger, shutdownSignals: [], telemetryOptions: { logging } });
}

/** Starts the process; once more on another port when it ends at once, because somebody took the port meanwhile. */
async function launch(
  folder: string,
  config: string[],
): Promise<{ server: ChildProcess; address: string; plain: Connection }> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    const address = `127.0.0.1:${port}`;
    const server = spawn(binary, argumentsFor(port, folder, config), { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    server.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(0, 2_000)));
    try {
      return { server, address, plain: await connected(address, server) };
    } catch (error) {
      await ended(server);
      if (tries === 3) throw new Error(`no Temporal server: ${said}`, { cause: error });
    }
  }
}

async function connected(address: string, server: ChildProcess): Promise<Connection> {
  for (let tries = 0; ; tries += 1) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      return connection;
    } catch (error) {
      if (server.exitCode !== null)
        throw new Error(`the Temporal server ended with ${server.exitCode}`, { cause: error });
      if (tries > 100) throw error;
      await pause(100);
    }
  }
}

/** A port that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await exit;
}

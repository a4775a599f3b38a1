// What a worker says of itself over HTTP: /metrics for Prometheus, /ready and /live for whoever keeps it running.
import { createServer, type ServerResponse } from 'node:http';
import { createServer as createProbe, type AddressInfo } from 'node:net';
import { loopback } from '../local/addresses.js';

export interface Health {
  ready: boolean;
  /** Each queue, and whether this process asks it for work. */
  queues: Record<string, boolean>;
  /** Null when it answers, else why not. */
  temporal: string | null;
  store: string | null;
}

export interface OperationsServer {
  /** http://host:port */
  url: string;
  close(): Promise<void>;
}

/** Listens at host:port, or at a port of loopback. Fails with what to change when it cannot. */
export async function serveOperations(
  address: string,
  { sdkPort, health }: { sdkPort: number; health: () => Promise<Health> },
): Promise<OperationsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    answer(path, response, { sdkPort, health }).catch((error: unknown) =>
      json(response, 500, { error: String(error) }),
    );
  });
  const { host, port } = listenAt(address);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Error(
          `The worker cannot listen at ${host}:${port} for /metrics and /ready (${error.code ?? error.message}). Set PAWL_METRICS_ADDRESS to another host:port, or unset it.`,
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const bound = server.address() as AddressInfo;
  return {
    url: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  path: string,
  response: ServerResponse,
  { sdkPort, health }: { sdkPort: number; health: () => Promise<Health> },
): Promise<void> {
  if (path === '/metrics') await metrics(response, sdkPort);
  else if (path === '/ready') {
    const found = await health();
    json(response, found.ready ? 200 : 503, found);
  } else if (path === '/live') json(response, 200, { live: true });
  else json(response, 404, { paths: ['/metrics', '/ready', '/live'] });
}

/** `9464` and `:9464` mean loopback. Fails when it is no address. Pure. */
export function listenAt(address: string): { host: string; port: number } {
  const [, host = '', digits = ''] = /^(?:(.*):)?(\d+)$/.exec(address) ?? [];
  const port = Number(digits);
  if (digits !== '' && port < 65_536) return { host: host.replace(/^\[|\]$/g, '') || loopback, port };
  throw new Error(
    `PAWL_METRICS_ADDRESS is \`${address}\`. It must be a port (on loopback) or host:port, such as 9464 or 0.0.0.0:9464.`,
  );
}

/** What the SDK exports, Pawl's metrics among it. */
async function metrics(response: ServerResponse, sdkPort: number): Promise<void> {
  const answer = await fetch(`http://${loopback}:${sdkPort}/metrics`, { signal: AbortSignal.timeout(5_000) });
  response.writeHead(answer.status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
  response.end(await answer.text());
}

function json(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}

/** A port of loopback that nothing listens on, for the SDK's exporter. */
export async function freeLoopbackPort(): Promise<number> {
  const probe = createProbe();
  await new Promise<void>((resolve) => probe.listen(0, loopback, resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

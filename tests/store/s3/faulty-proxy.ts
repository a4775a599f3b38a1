// A proxy before a server that speaks S3: it passes requests on, notes them, checks their signatures, and does the harm it is told.
import { createServer, request as passOn } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isSignedRight } from './signature.js';

/** What is done to a request instead of passing it on and its answer back. */
export type Fault =
  | 'break before' // the connection breaks, the server has heard nothing
  | 'break after' // the server has done it, the answer is lost
  | 'stall' // no answer ever comes
  | 'cut the body' // half of the answer's body, then the connection breaks
  | { status: number; code?: string; message?: string; headers?: Record<string, string> };

export interface Seen {
  method: string;
  /** Path and query. */
  url: string;
  headers: IncomingMessage['headers'];
}

export interface FaultyProxy {
  endpoint: string;
  seen: Seen[];
  /** Requests whose signature does not fit. */
  forged: string[];
  /** Connections that were opened, and the most requests at a time. */
  load: { connections: number; most: number };
  /** The next requests that match suffer these, in order. */
  harm(match: (seen: Seen) => boolean, ...faults: Fault[]): void;
  /** Headers of requests that the server never sees. */
  drop: Set<string>;
  stop(): Promise<void>;
}

export async function startProxy(target: string, secret: string): Promise<FaultyProxy> {
  const planned: { match: (seen: Seen) => boolean; fault: Fault }[] = [];
  const sockets = new Set<Socket>();
  let underWay = 0;
  const server = createServer((incoming, answer) => void handle(incoming, answer));
  server.on('connection', (socket) => {
    proxy.load.connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    forged: [],
    load: { connections: 0, most: 0 },
    harm: (match, ...faults) => planned.push(...faults.map((fault) => ({ match, fault }))),
    drop: new Set(),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const seen = { method, url, headers };
    proxy.seen.push(seen);
    proxy.load.most = Math.max(proxy.load.most, (underWay += 1));
    answer.once('close', () => (underWay -= 1));
    const body = await bodyOf(incoming).catch(() => null);
    if (body === null) return; // the client is gone
    if (!isSignedRight(seen, body, secret)) proxy.forged.push(`${method} ${url}`);
    const position = planned.findIndex(({ match }) => match(seen));
    const [{ fault } = { fault: null }] = position < 0 ? [] : planned.splice(position, 1);
    if (fault === 'stall') return;
    if (fault === 'break before') return void incoming.socket.destroy();
    if (fault !== null && typeof fault === 'object') {
      refuse(answer, fault);
      return;
    }
    const kept = Object.entries(headers).filter(([name]) => !proxy.drop.has(name));
    const outgoing = passOn(`${target}${url}`, { method, headers: Object.fromEntries(kept) });
    outgoing.on('response', (response) => void give(response, answer, fault));
    outgoing.on('error', () => incoming.socket.destroy());
    outgoing.end(body);
  }
  return proxy;
}

async function give(response: IncomingMessage, answer: ServerResponse, fault: Fault | null): Promise<void> {
  const body = await bodyOf(response);
  if (fault === 'break after') return void answer.socket?.destroy();
  const { connection: _, ...headers } = response.headers; // the server's connection is not the client's
  answer.writeHead(response.statusCode ?? 500, headers);
  if (fault === null) return void answer.end(body);
  answer.write(body.subarray(0, body.length / 2), () => answer.socket?.destroy());
}

function refuse(answer: ServerResponse, fault: Exclude<Fault, string>): void {
  const { status, code = '', message = '', headers = {} } = fault;
  answer.writeHead(status, headers);
  answer.end(
    `<Error><Code>${code}</Code><Message>${message}</Message><AWSAccessKeyId>test-id</AWSAccessKeyId></Error>`,
  );
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

// A gRPC proxy before a real Temporal server: ends TLS, checks who asks, and refuses what it is told to.
import {
  connect,
  constants,
  createSecureServer,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';

export interface ProxyOptions {
  tls?: {
    cert: string;
    key: string;
    /** Path of the authority that must have signed the client's certificate. */
    clientCa?: string;
  };
  /** The only API key that is let through. */
  apiKey?: string;
  /** Calls whose path matches are refused with PERMISSION_DENIED. */
  deny?: RegExp;
}

export interface GrpcProxy {
  address: string;
  /** Paths of the calls that were refused. */
  refused: string[];
  close(): Promise<void>;
}

/** Listens on a free port of loopback and hands on to `target`. */
export async function grpcProxy(target: string, options: ProxyOptions): Promise<GrpcProxy> {
  const { tls } = options;
  const refused: string[] = [];
  const server =
    tls === undefined
      ? createServer()
      : createSecureServer({
          cert: readFileSync(tls.cert),
          key: readFileSync(tls.key),
          ...(tls.clientCa === undefined
            ? {}
            : { ca: readFileSync(tls.clientCa), requestCert: true, rejectUnauthorized: true }),
        });
  const upstream = connect(`http://${target}`);
  upstream.on('error', () => undefined);
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.once('close', () => sessions.delete(session));
  });
  server.on('sessionError', () => undefined);
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    const path = String(headers[':path']);
    if (options.apiKey !== undefined && headers.authorization !== `Bearer ${options.apiKey}`) {
      refused.push(path);
      answer(stream, 16, headers.authorization === undefined ? 'no API key' : 'this API key is not known');
    } else if (options.deny?.test(path) === true) {
      refused.push(path);
      answer(stream, 7, 'operator rights are needed');
    } else handOn(upstream, stream, headers);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    async close() {
      for (const session of sessions) session.destroy();
      upstream.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answer(stream: ServerHttp2Stream, status: number, message: string): void {
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': String(status), 'grpc-message': message },
    { endStream: true },
  );
}

function handOn(upstream: ClientHttp2Session, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const request = upstream.request(headers);
  let trailers: IncomingHttpHeaders = {};
  request.on('error', () => stream.destroy());
  request.on('trailers', (sent: IncomingHttpHeaders) => (trailers = sent));
  request.on('response', (sent, flags) => {
    if (stream.destroyed) return;
    const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    stream.respond(sent, ended ? { endStream: true } : { waitForTrailers: true });
    if (!ended) request.pipe(stream);
  });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.on('close', () => request.close(constants.NGHTTP2_CANCEL));
  stream.pipe(request);
}

// Why a Temporal server cannot be reached, found out before the SDK tries: it would only say that its time is up.
import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from './connection-options.js';

/** The fact, and the way out where this fact has one of its own. */
export interface Refusal {
  reason: string;
  wayOut: string | null;
}

/** What opens every HTTP/2 connection: the preface, and settings without any. The other side answers with its settings. */
const greeting = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const settingsFrame = 4;

/** Null when something there speaks HTTP/2 as asked. Never throws; answers within `timeoutMs`. */
export function refusalOf(options: ConnectionOptions, timeoutMs: number): Promise<Refusal | null> {
  const split = options.address.lastIndexOf(':');
  const port = Number(options.address.slice(split + 1));
  if (split < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    return Promise.resolve({ reason: 'this is not host:port, such as temporal.example.com:7233', wayOut: null });
  }
  return new Promise((resolve) => {
    let socket: Socket | null = null;
    const end = (answer: Refusal | null): void => {
      clearTimeout(timer);
      socket?.destroy();
      resolve(answer);
    };
    let isOpen = false;
    const timer = setTimeout(() => {
      const late = `no answer within ${timeoutMs / 1000} s`;
      end({ reason: isOpen ? `something listens there, but not a Temporal server (${late})` : late, wayOut: null });
    }, timeoutMs);
    try {
      socket = open(options, options.address.slice(0, split).replace(/^\[|\]$/g, ''), port);
    } catch (error) {
      end(refusalFor(error, options)); // certificate and key do not fit, or are no such thing
      return;
    }
    const opened = socket;
    // With TLS 1.3 a server says only now that it wanted a certificate: connected is not yet let in.
    socket.once(options.tls === false ? 'connect' : 'secureConnect', () => opened.write(greeting));
    socket.once('connect', () => (isOpen = true));
    socket.once('data', (chunk: Buffer) => end(chunk[3] === settingsFrame ? null : foreign(options)));
    socket.once('error', (error) => end(refusalFor(error, options)));
    socket.once('close', () => end(foreign(options)));
  });
}

function open({ tls }: ConnectionOptions, host: string, port: number): Socket {
  if (tls === false) return connectSocket({ host, port });
  const name = tls.serverNameOverride ?? host;
  return connectTls({
    host,
    port,
    ALPNProtocols: ['h2'],
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(tls.serverRootCACertificate === undefined ? {} : { ca: tls.serverRootCACertificate }),
    ...(tls.clientCertPair === undefined ? {} : { cert: tls.clientCertPair.crt, key: tls.clientCertPair.key }),
  });
}

const foreign = ({ tls }: ConnectionOptions): Refusal =>
  tls === false
    ? {
        reason: 'something listens there, but it does not speak gRPC without TLS',
        wayOut: 'If the server wants TLS, set TEMPORAL_TLS=true; if it is something else, correct TEMPORAL_ADDRESS.',
      }
    : {
        reason: 'something listens there, and closes the connection once TLS stands',
        wayOut: tls.clientCertPair
          ? 'Either it refuses the client certificate in TEMPORAL_TLS_CLIENT_CERT_PATH: use one that its authority signed. Or it is no Temporal server: correct TEMPORAL_ADDRESS.'
          : 'Either it wants a client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH), or it is no Temporal server: correct TEMPORAL_ADDRESS.',
      };

function refusalFor(error: unknown, options: ConnectionOptions): Refusal {
  const { code = '', message } = error as NodeJS.ErrnoException;
  for (const [pattern, refusal] of known) if (pattern.test(code)) return refusal(error as Error, options);
  if (code === 'ECONNRESET' || code === 'EPIPE') return foreign(options);
  return { reason: code === '' ? message : `${message} (${code})`, wayOut: null };
}

type Explain = (error: Error & { cert?: { subjectaltname?: string } }, options: ConnectionOptions) => Refusal;

/** Codes of sockets and of OpenSSL, in a person's words. */
const known: readonly (readonly [RegExp, Explain])[] = [
  [/^ECONNREFUSED$/, () => ({ reason: 'the connection is refused, nothing listens there', wayOut: null })],
  [/^(ENOTFOUND|EAI_AGAIN)$/, () => ({ reason: 'the host name is not known', wayOut: null })],
  [
    /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED/,
    (_, { tls }) =>
      tls === false || tls.serverRootCACertificate === undefined
        ? {
            reason: 'its certificate is signed by an authority that this machine does not trust',
            wayOut: "Name that authority's certificate: TEMPORAL_TLS_SERVER_CA_CERT_PATH.",
          }
        : {
            reason: 'its certificate is not signed by the authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH',
            wayOut: 'Name the certificate of the authority that signed it; whoever runs the server has it.',
          },
  ],
  [
    /CERT_HAS_EXPIRED/,
    () => ({
      reason: 'its certificate has expired',
      wayOut: 'Whoever runs the server must renew it. (Or the clock of this machine is wrong: compare `date`.)',
    }),
  ],
  [
    /CERT_NOT_YET_VALID/,
    () => ({
      reason: 'its certificate is not valid yet',
      wayOut: 'Compare the clock of this machine (`date`) with the certificate.',
    }),
  ],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID/,
    ({ cert, message }) => ({
      reason: `its certificate is for another name: ${cert?.subjectaltname ?? message}`,
      wayOut: 'Use that name in TEMPORAL_ADDRESS, or say it with TEMPORAL_TLS_SERVER_NAME.',
    }),
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/,
    () => ({
      reason: 'it wants a client certificate',
      wayOut: 'Name yours: TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH.',
    }),
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED|CERTIFICATE_REVOKED|ACCESS_DENIED)/,
    (_, { tls }) => ({
      reason: `it refuses ${tls === false || tls.clientCertPair === undefined ? 'a connection without a client certificate' : 'the client certificate in TEMPORAL_TLS_CLIENT_CERT_PATH'}`,
      wayOut: 'Use one that its authority signed and that has not expired.',
    }),
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE/,
    () => ({
      reason: 'something listens there that does not speak TLS',
      wayOut: 'Unset what asks for TLS (TEMPORAL_TLS, TEMPORAL_TLS_*), or set TEMPORAL_TLS=false beside an API key.',
    }),
  ],
  [
    /KEY_VALUES_MISMATCH/,
    () => ({
      reason:
        'the key in TEMPORAL_TLS_CLIENT_KEY_PATH does not belong to the certificate in TEMPORAL_TLS_CLIENT_CERT_PATH',
      wayOut: 'Name the two that were made together.',
    }),
  ],
  [
    /^ERR_OSSL/,
    ({ message }) => ({
      reason: `a certificate or key in TEMPORAL_TLS_* cannot be used: ${message}`,
      wayOut: 'It must be PEM, and a key must not need a passphrase.',
    }),
  ],
];

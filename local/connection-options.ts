// What both SDK connections (command and worker) are opened with: address, TLS, API key.
import { readFileSync } from 'node:fs';
import type { PemSource, TemporalConfig, TlsOptions } from '../schemas/config.js';
import { temporalAddress } from './addresses.js';
import { LocalError } from './local-error.js';

export interface ConnectionOptions {
  address: string;
  apiKey?: string;
  /** False in so many words: the SDK takes an API key alone for a wish for TLS. */
  tls: TlsMaterial | false;
}

/** As the SDK wants it; empty = what this machine trusts. */
export interface TlsMaterial {
  serverNameOverride?: string;
  serverRootCACertificate?: Buffer;
  clientCertPair?: { crt: Buffer; key: Buffer };
}

/** Reads the certificates. Fails with LocalError `tls` when one cannot be read, or half of a pair is missing. */
export function connectionOptions(config: TemporalConfig): ConnectionOptions {
  const { apiKey, tls } = config.temporal;
  return {
    address: temporalAddress(config),
    ...(apiKey === null ? {} : { apiKey }),
    tls: tls === false ? false : materialOf(tls === true ? {} : tls),
  };
}

function materialOf(tls: TlsOptions): TlsMaterial {
  if (tls.disableHostVerification === true) {
    throw new LocalError(
      'tls',
      "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is set, and Pawl always checks the server's certificate.\nUnset it, and name the authority that signed the certificate (TEMPORAL_TLS_SERVER_CA_CERT_PATH) or the name in it (TEMPORAL_TLS_SERVER_NAME).",
    );
  }
  const crt = pemOf('CLIENT_CERT', tls.clientCert);
  const key = pemOf('CLIENT_KEY', tls.clientKey);
  if ((crt === undefined) !== (key === undefined)) {
    const [has, lacks] = crt === undefined ? ['CLIENT_KEY', 'CLIENT_CERT'] : ['CLIENT_CERT', 'CLIENT_KEY'];
    throw new LocalError(
      'tls',
      `TEMPORAL_TLS_${has} is given without TEMPORAL_TLS_${lacks}.\nA client certificate and its key belong together: set TEMPORAL_TLS_${lacks}_PATH, or unset the other.`,
    );
  }
  const ca = pemOf('SERVER_CA_CERT', tls.serverCaCert);
  return {
    ...(tls.serverName === undefined ? {} : { serverNameOverride: tls.serverName }),
    ...(ca === undefined ? {} : { serverRootCACertificate: ca }),
    ...(crt === undefined || key === undefined ? {} : { clientCertPair: { crt, key } }),
  };
}

function pemOf(name: string, source: PemSource | undefined): Buffer | undefined {
  if (source === undefined) return undefined;
  const where =
    'path' in source ? `${source.path}, which TEMPORAL_TLS_${name}_PATH names,` : `TEMPORAL_TLS_${name}_DATA`;
  let text: Buffer;
  try {
    text = 'path' in source ? readFileSync(source.path) : Buffer.from(source.data);
  } catch (error) {
    throw new LocalError(
      'tls',
      `${where} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}).\nCorrect the path, or give the file to the user that runs Pawl.`,
    );
  }
  if (!text.includes('-----BEGIN ')) {
    throw new LocalError(
      'tls',
      `${where} is not in PEM: it has no line \`-----BEGIN …-----\`.\nConvert it with openssl.`,
    );
  }
  return text;
}

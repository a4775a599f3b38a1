// Certificates for one test file, made with openssl: an authority, and what it signs.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Pair {
  /** Paths of PEM files. */
  cert: string;
  key: string;
}

export interface Authority {
  /** Path of the authority's certificate. */
  ca: string;
  /** Signs a certificate for this DNS name or address. `expired` = it ended a day ago. */
  sign(name: string, options?: { expired?: boolean }): Pair;
  dispose(): void;
}

/** Makes an authority in a folder of its own. */
export function makeAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'pawl-tls-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe', timeout: 20_000 });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-days',
    '2',
    '-subj',
    '/CN=test CA',
  );
  let signed = 0;
  return {
    ca: at('ca.pem'),
    sign(name, { expired = false } = {}) {
      const id = `c${++signed}`;
      const pair = { cert: at(`${id}.pem`), key: at(`${id}.key`) };
      const kind = /^[\d.]+$/.test(name) ? 'IP' : 'DNS';
      writeFileSync(at(`${id}.ext`), `subjectAltName=${kind}:${name}\n`);
      openssl('req', ...newKey, '-keyout', pair.key, '-out', at(`${id}.csr`), '-subj', `/CN=${name}`);
      openssl(
        ...['x509', '-req', '-in', at(`${id}.csr`), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'],
        ...['-out', pair.cert, '-days', expired ? '-1' : '2', '-extfile', at(`${id}.ext`)],
      );
      readFileSync(pair.cert);
      return pair;
    },
    dispose: () => rmSync(folder, { recursive: true, force: true }),
  };
}

import { readFileSync } from 'node:fs';
import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectTemporal, reachable, refusalByServer, unreachable } from '../../local/connect.js';
import type { TemporalConfig, TlsOptions } from '../../schemas/config.js';
import { makeAuthority, type Authority, type Pair } from '../support/certificates.js';
import { grpcProxy, type GrpcProxy } from '../support/grpc-proxy.js';
import { startTemporal, type TestServer } from '../support/temporal-server.js';
import { homeRig, type HomeRig } from './home-rig.js';

const apiKey = 'a-key-of-this-test';

describe('a Temporal server behind TLS', () => {
  let server: TestServer;
  let rig: HomeRig;
  let own: Authority;
  let other: Authority;
  let client: Pair;
  const proxies: Record<string, GrpcProxy> = {};

  beforeAll(async () => {
    rig = await homeRig();
    own = makeAuthority();
    other = makeAuthority();
    client = own.sign('worker.example.com');
    server = await startTemporal();
    const tls = own.sign('127.0.0.1');
    proxies['keyed'] = await grpcProxy(server.address, { tls, apiKey });
    proxies['mutual'] = await grpcProxy(server.address, { tls: { ...tls, clientCa: own.ca } });
    proxies['expired'] = await grpcProxy(server.address, { tls: own.sign('127.0.0.1', { expired: true }) });
    proxies['named'] = await grpcProxy(server.address, { tls: own.sign('temporal.example.com') });
    proxies['plain'] = await grpcProxy(server.address, { apiKey });
  }, 60_000);
  afterAll(async () => {
    for (const proxy of Object.values(proxies)) await proxy.close();
    await server.stop();
    await rig.dispose();
    own.dispose();
    other.dispose();
  });

  const configOf = (proxy: string, temporal: Partial<TemporalConfig['temporal']>): TemporalConfig => ({
    ...rig.config,
    temporal: { ...rig.config.temporal, address: proxies[proxy]?.address ?? '', ...temporal },
  });
  const trusting = (more: TlsOptions = {}): TlsOptions => ({ serverCaCert: { path: own.ca }, ...more });

  /** What the command's connection, and what the worker's, ends with: '' when it works. */
  const outcomes = async (config: TemporalConfig): Promise<string[]> => [
    await connectTemporal(config).then(
      async (connection) => {
        await connection.workflowService.describeNamespace({ namespace: 'default' });
        await connection.close();
        return '';
      },
      (error: unknown) => (error as Error).message,
    ),
    await (async () => {
      try {
        const options = await reachable(config);
        const connection = await NativeConnection.connect(options).catch((error: unknown) => {
          throw unreachable(config, refusalByServer(error));
        });
        await connection.close();
        return '';
      } catch (error) {
        return (error as Error).message;
      }
    })(),
  ];

  it.each([
    ['with its authority and an API key', 'keyed', () => ({ apiKey, tls: trusting() })],
    [
      'with its authority and a client certificate',
      'mutual',
      () => ({ tls: trusting({ clientCert: { path: client.cert }, clientKey: { path: client.key } }) }),
    ],
    [
      'with certificates given as text',
      'mutual',
      () => ({
        tls: {
          serverCaCert: { data: readFileSync(own.ca, 'utf8') },
          clientCert: { data: readFileSync(client.cert, 'utf8') },
          clientKey: { data: readFileSync(client.key, 'utf8') },
        },
      }),
    ],
    ['under the name in its certificate', 'named', () => ({ tls: trusting({ serverName: 'temporal.example.com' }) })],
    ['without TLS, when it has an API key only', 'plain', () => ({ apiKey })],
  ] as const)('is reached by command and worker %s', async (_, proxy, temporal) => {
    expect(await outcomes(configOf(proxy, temporal()))).toEqual(['', '']);
  });

  it.each([
    [
      'an authority that nobody trusts',
      'keyed',
      () => ({ apiKey, tls: true }),
      /signed by an authority that this machine does not trust\.\nName .*TEMPORAL_TLS_SERVER_CA_CERT_PATH/,
    ],
    [
      'another authority',
      'keyed',
      () => ({ apiKey, tls: { serverCaCert: { path: other.ca } } }),
      /is not signed by the authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH/,
    ],
    ['a certificate that has expired', 'expired', () => ({ tls: trusting() }), /its certificate has expired\.\n/],
    [
      'a certificate for another name',
      'named',
      () => ({ tls: trusting() }),
      /its certificate is for another name: .*temporal\.example\.com.*\n.*TEMPORAL_TLS_SERVER_NAME/,
    ],
    [
      'no API key',
      'keyed',
      () => ({ tls: trusting() }),
      /it does not accept who asks \(.*no API key.*\)\.\nSet TEMPORAL_API_KEY/,
    ],
    [
      'another API key',
      'keyed',
      () => ({ apiKey: 'stolen', tls: trusting() }),
      /it does not accept who asks \(.*this API key is not known.*\)\.\nSet TEMPORAL_API_KEY/,
    ],
    [
      'no client certificate',
      'mutual',
      () => ({ tls: trusting() }),
      /it wants a client certificate\.\nName yours: TEMPORAL_TLS_CLIENT_CERT_PATH/,
    ],
    [
      'a client certificate of another authority',
      'mutual',
      () => {
        const { cert, key } = other.sign('stranger');
        return { tls: trusting({ clientCert: { path: cert }, clientKey: { path: key } }) };
      },
      /refuses the client certificate in TEMPORAL_TLS_CLIENT_CERT_PATH/,
    ],
    [
      'the key of another certificate',
      'mutual',
      () => ({ tls: trusting({ clientCert: { path: client.cert }, clientKey: { path: own.sign('x').key } }) }),
      /CLIENT_KEY_PATH does not belong to the certificate in TEMPORAL_TLS_CLIENT_CERT_PATH/,
    ],
    ['no TLS', 'keyed', () => ({ apiKey, tls: false }), /does not speak gRPC without TLS\.\n.*TEMPORAL_TLS=true/],
    [
      'TLS that it does not speak',
      'plain',
      () => ({ apiKey, tls: true }),
      /does not speak TLS\.\nUnset .*TEMPORAL_TLS/,
    ],
  ] as const)('says what is wrong with %s, the API key not in it', async (_, proxy, temporal, expected) => {
    const config = configOf(proxy, temporal());
    for (const message of await outcomes(config)) {
      expect(message).toMatch(/^No Temporal server answers at 127\.0\.0\.1:\d+: /);
      expect(message).toMatch(expected);
      expect(message).not.toMatch(/stolen|a-key-of-this-test/);
    }
  });

  it.each([
    [
      'a file that is not there',
      { serverCaCert: { path: '/nowhere/ca.pem' } },
      /^\/nowhere\/ca\.pem, which TEMPORAL_TLS_SERVER_CA_CERT_PATH names, cannot be read \(ENOENT\)/,
    ],
    ['text that is no PEM', { serverCaCert: { data: 'ca' } }, /^TEMPORAL_TLS_SERVER_CA_CERT_DATA is not in PEM/],
    [
      'half of a pair',
      { clientCert: { data: '-----BEGIN CERTIFICATE-----' } },
      /^TEMPORAL_TLS_CLIENT_CERT is given without TEMPORAL_TLS_CLIENT_KEY/,
    ],
    [
      'no wish to verify',
      { disableHostVerification: true },
      /^TEMPORAL_TLS_DISABLE_HOST_VERIFICATION is set, and Pawl always checks/,
    ],
  ] as const)('is not asked with %s', async (_, tls, expected) => {
    for (const message of await outcomes(configOf('keyed', { tls }))) expect(message).toMatch(expected);
  });
});

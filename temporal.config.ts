// Where pipelines run. The only reader of the environment in product code, but for the AWS_ variables of a store on S3
// (store/open.ts), whose secrets no configuration is to hold; loaded lazily.
import { existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { availableParallelism } from 'node:os';
import type { KindSource, PemSource, TemporalConfig, TlsOptions, TrainerQueue } from './schemas/config.js';

const here = dirname(fileURLToPath(import.meta.url));
const packageRoot = existsSync(join(here, 'package.json')) ? here : dirname(here);
const env = process.env;
const home = resolve(env.PAWL_HOME ?? join(packageRoot, '.pawl'));
const port = (name: string, fallback: number): number => Number(env[name] ?? fallback);
/** PAWL_KINDS lists declarations, each with its implementation beside it. */
const kindsOf = (list: string): KindSource[] =>
  list
    .split(delimiter)
    .filter((path) => path !== '')
    .map((declaration) => ({ declaration }));
/** The names are those of Temporal's own tools. A certificate or an API key asks for TLS unless TEMPORAL_TLS says no. */
function tlsOf(): boolean | TlsOptions {
  const pem = (name: string): PemSource | undefined => {
    const [path, data] = [env[`TEMPORAL_TLS_${name}_PATH`], env[`TEMPORAL_TLS_${name}_DATA`]];
    return path !== undefined ? { path } : data !== undefined ? { data } : undefined;
  };
  if (env.TEMPORAL_TLS === 'false') return false;
  const given = {
    serverCaCert: pem('SERVER_CA_CERT'),
    clientCert: pem('CLIENT_CERT'),
    clientKey: pem('CLIENT_KEY'),
    serverName: env.TEMPORAL_TLS_SERVER_NAME,
    disableHostVerification: env.TEMPORAL_TLS_DISABLE_HOST_VERIFICATION === 'true' ? true : undefined,
  };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as TlsOptions;
  if (Object.keys(options).length > 0) return options;
  return env.TEMPORAL_TLS === 'true' || env.TEMPORAL_API_KEY !== undefined;
}

/** `queue:gpus:label+label`, several with commas; empty = this machine has no trainer slot. */
const trainersOf = (list: string): TrainerQueue[] =>
  list
    .split(',')
    .filter((one) => one.trim() !== '')
    .map((one) => {
      const [queue = '', gpus = '0', labels = ''] = one.trim().split(':');
      return { queue, gpus: Number(gpus), labels: labels.split('+').filter((label) => label !== '') };
    });

const deploymentOf = (name?: string, buildId?: string): TemporalConfig['temporal']['deployment'] =>
  name === undefined || buildId === undefined ? null : { name, buildId };

export default {
  home,
  packageRoot,
  temporal: {
    address: env.TEMPORAL_ADDRESS ?? null,
    namespace: env.TEMPORAL_NAMESPACE ?? 'default',
    apiKey: env.TEMPORAL_API_KEY ?? null,
    tls: tlsOf(),
    // Encrypts or packs what Temporal keeps of a run: a module that exports `codec`, the same for command and worker.
    codec: env.PAWL_CODEC ?? null,
    // Runs stay with the version of the workers that began them (docs/operating.md, Versions and upgrades).
    deployment: deploymentOf(env.PAWL_DEPLOYMENT, env.PAWL_BUILD_ID),
    uiUrl: env.PAWL_TEMPORAL_UI ?? null,
  },
  ports: {
    temporal: port('PAWL_TEMPORAL_PORT', 7243),
    temporalUi: port('PAWL_TEMPORAL_UI_PORT', 8243),
    mlflow: port('PAWL_MLFLOW_PORT', 5243),
  },
  // A folder, or s3://bucket/prefix (docs/operating.md).
  store: env.PAWL_STORE ?? join(home, 'store'),
  mlflow: { url: env.MLFLOW_TRACKING_URI ?? null, experiment: env.MLFLOW_EXPERIMENT_NAME ?? 'pawl' },
  workflowQueue: 'pawl',
  trainers: trainersOf(env.PAWL_TRAINERS ?? 'pawl-trainer:0'),
  trainer: {
    python: env.PAWL_PYTHON ?? join(packageRoot, '.pawl', 'python', 'bin', 'python'),
    threads: Number(env.PAWL_THREADS ?? Math.min(availableParallelism(), 8)),
    cacheBytes: 2 ** 28,
    device: 'auto',
  },
  metricsAddress: env.PAWL_METRICS_ADDRESS ?? null,
  log: env.PAWL_LOG === 'json' ? 'json' : 'human',
  // Step kinds of your own, e.g. { declaration: '../acme/clean.json', implementation: '../acme/clean.js' }.
  kinds: kindsOf(env.PAWL_KINDS ?? ''),
  hostCacheBytes: 20 * 2 ** 30,
  faults: env.PAWL_FAULTS ?? null,
} satisfies TemporalConfig;

// A home of its own for a test: free ports, a package folder whose worker does nothing, and no process left at the end.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { down } from '../../local/down.js';
import type { TemporalConfig } from '../../schemas/config.js';
import { repository } from './built.js';

export interface HomeRig {
  config: TemporalConfig;
  env: NodeJS.ProcessEnv;
  dispose(): Promise<void>;
}

/** MLflow is off: it takes a quarter of a minute to start. */
export async function homeRig(): Promise<HomeRig> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'pawl-local-')));
  mkdirSync(join(root, 'dist', 'worker'), { recursive: true });
  symlinkSync(join(repository, 'dist', 'local'), join(root, 'dist', 'local'));
  symlinkSync(join(repository, '.pawl'), join(root, '.pawl'));
  const worker = join(repository, 'tests', 'local', 'fixtures', 'idle-worker.mjs');
  writeFileSync(join(root, 'dist', 'worker', 'main.js'), `import ${JSON.stringify(worker)};\n`);
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }\n');
  const ports = { temporal: await freePort(), temporalUi: await freePort(), mlflow: await freePort() };
  const config: TemporalConfig = {
    home: join(root, 'home'),
    packageRoot: root,
    temporal: {
      address: null,
      namespace: 'default',
      apiKey: null,
      tls: false,
      uiUrl: null,
      codec: null,
      deployment: null,
    },
    ports,
    store: join(root, 'home', 'store'),
    mlflow: { url: 'off', experiment: 'pawl' },
    workflowQueue: 'pawl',
    trainers: [{ queue: 'pawl-trainer', gpus: 0, labels: [] }],
    trainer: {
      python: join(repository, '.pawl', 'python', 'bin', 'python'),
      threads: 1,
      cacheBytes: 2 ** 20,
      device: 'cpu',
    },
    metricsAddress: null,
    log: 'human',
    kinds: [],
    hostCacheBytes: 2 ** 20,
    faults: null,
  };
  return {
    config,
    env: { ...process.env, PAWL_TEST_ADDRESS: `127.0.0.1:${ports.temporal}` },
    async dispose() {
      await down(config);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

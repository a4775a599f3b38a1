import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectTemporal } from '../../local/connect.js';
import { layoutOf, makeFolders } from '../../local/layout.js';
import { LocalError } from '../../local/local-error.js';
import { identify, isAlive, signal } from '../../local/process-identity.js';
import { ps } from '../../local/ps.js';
import { findTemporal } from '../../local/temporal-binary.js';
import { up } from '../../local/up.js';
import { ensureBuilt } from './built.js';
import { freePort, homeRig, type HomeRig } from './home-rig.js';

const errorOf = async (work: () => unknown): Promise<LocalError> => {
  try {
    await work();
  } catch (error) {
    if (error instanceof LocalError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};
const listen = (port: number): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((socket) => void socket.on('error', () => undefined)).listen(port, '127.0.0.1', () =>
      resolve(server),
    );
  });

describe('`up` refuses, and starts nothing,', () => {
  let rig: HomeRig;
  beforeAll(ensureBuilt, 90_000);
  beforeEach(async () => {
    rig = await homeRig();
  });
  afterEach(async () => rig.dispose());
  const startUp = () => up(rig.config, { say: () => undefined, waitForMlflow: false, env: rig.env });

  it.each([
    ['temporal', 'Temporal', 'PAWL_TEMPORAL_PORT'],
    ['temporalUi', 'the Temporal UI', 'PAWL_TEMPORAL_UI_PORT'],
  ] as const)('when the %s port is in use, naming it and the variable to change it', async (port, what, variable) => {
    const server = await listen(rig.config.ports[port]);
    const error = await errorOf(startUp);
    server.close();
    expect(error.code).toBe('port_in_use');
    expect(error.message).toContain(`Port ${rig.config.ports[port]}, where ${what} is to listen, is in use`);
    expect(error.message).toContain(`Set ${variable} to another port`);
    expect(ps(rig.config).every(({ pid }) => pid === null)).toBe(true);
  });

  it('when another version of the CLI made the database, which stays as it is', async () => {
    const layout = layoutOf(rig.config.home);
    makeFolders(layout);
    writeFileSync(layout.temporalDatabase, 'old');
    writeFileSync(layout.temporalVersion, '{"cli":"1.5.1"}');
    const error = await errorOf(startUp);
    expect(error.code).toBe('database_version');
    expect(error.message.split('\n')).toEqual([
      expect.stringMatching(
        /temporal\.db was made by temporal CLI 1\.5\.1, and .*temporal is 1\.8\.2; the server cannot convert it\.$/,
      ),
      'Use the CLI that made it: set PAWL_TEMPORAL_BIN to a temporal 1.5.1.',
      expect.stringMatching(
        /^Or start a new history: move .*temporal away\. Only the pages in the Temporal UI are lost; results/,
      ),
    ]);
    expect(ps(rig.config).every(({ pid }) => pid === null)).toBe(true);
  });

  it('when a service cannot start, showing the end of its log', async () => {
    writeFileSync(
      join(rig.config.packageRoot, 'dist', 'worker', 'main.js'),
      "console.error('no such queue'); process.exit(3);\n",
    );
    const error = await errorOf(startUp);
    expect(error.code).toBe('not_ready');
    expect(error.message).toMatch(/^worker ended 4 times within \d+ s \(exit 3\)\./);
    expect(error.message).toContain('  | no such queue');
  }, 60_000);
});

describe('the temporal CLI', () => {
  let rig: HomeRig;
  beforeEach(async () => {
    rig = await homeRig();
  });
  afterEach(async () => rig.dispose());
  const program = (name: string, version: string): string => {
    const folder = join(rig.config.packageRoot, name);
    mkdirSync(folder);
    writeFileSync(join(folder, 'temporal'), `#!/bin/sh\necho "temporal version ${version} (Server 1.0.0, UI 1.0.0)"\n`);
    chmodSync(join(folder, 'temporal'), 0o755);
    return folder;
  };

  it('is the one that PAWL_TEMPORAL_BIN names, before that of the set-up, before PATH', () => {
    const [named, onPath] = [program('named', '1.7.0'), program('path', '1.6.0')];
    const { packageRoot } = rig.config;
    expect(findTemporal(packageRoot, { PAWL_TEMPORAL_BIN: join(named, 'temporal'), PATH: onPath }).version).toBe(
      '1.7.0',
    );
    expect(findTemporal(packageRoot, { PATH: onPath }).version).toBe('1.8.2');
    expect(findTemporal(join(packageRoot, 'elsewhere'), { PATH: onPath }).version).toBe('1.6.0');
  });

  it('is refused when it is too old, passing over it for a suitable one', async () => {
    const [old, good] = [program('old', '1.1.0'), program('good', '1.9.0')];
    const root = join(rig.config.packageRoot, 'elsewhere');
    expect(findTemporal(root, { PATH: `${old}:${good}` }).version).toBe('1.9.0');
    expect((await errorOf(() => findTemporal(root, { PATH: old }))).message).toContain(
      'is version 1.1.0; Pawl needs 1.5.0 or newer',
    );
  });

  it('is missed with the three ways out', async () => {
    const error = await errorOf(() => findTemporal(join(rig.config.packageRoot, 'elsewhere'), { PATH: '/nowhere' }));
    expect(error.code).toBe('temporal_not_found');
    expect(error.message).toMatch(/npm run setup.*TEMPORAL_ADDRESS.*PAWL_TEMPORAL_BIN/);
  });
});

describe('a Temporal address', () => {
  let rig: HomeRig;
  beforeEach(async () => {
    rig = await homeRig();
  });
  afterEach(async () => rig.dispose());
  const connectTo = (address: string) =>
    errorOf(() => connectTemporal({ ...rig.config, temporal: { ...rig.config.temporal, address } }, 2_000));

  it('where nothing listens fails in a second with the address and what to do', async () => {
    const port = await freePort();
    const startedMs = Date.now();
    expect((await connectTo(`127.0.0.1:${port}`)).message).toBe(
      `No Temporal server answers at 127.0.0.1:${port}: the connection is refused, nothing listens there.\nTEMPORAL_ADDRESS names this server. Start it, correct the address (host:port), or unset TEMPORAL_ADDRESS to use the embedded server.`,
    );
    expect(Date.now() - startedMs).toBeLessThan(1_000);
  });

  it('without a port, or of an unknown host, is said to be so', async () => {
    expect((await connectTo('localhost')).message).toContain('this is not host:port');
    expect((await connectTo('host.invalid:7233')).message).toMatch(/the host name is not known|no answer within 2 s/);
  });

  it('where something else listens fails within the time-out', async () => {
    const port = await freePort();
    const server = await listen(port);
    const error = await connectTo(`127.0.0.1:${port}`);
    server.close();
    expect(error.message).toContain('something listens there, but not a Temporal server');
  });
});

describe('a process', () => {
  it('is known by its start, so that another one under the same id is never signalled', () => {
    const own = identify(process.pid);
    expect(own !== null && isAlive(own)).toBe(true);
    expect(signal({ pid: process.pid, started: 'another', group: false }, 'SIGKILL')).toBe(false);
  });
});

// A Pawl of its own for measuring: state in a temporary folder, servers on free ports, the `pawl` command of this clone.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Installation {
  folder: string;
  store: string;
  /** host:port of its Temporal server. */
  temporal: string;
  /** Runs `pawl` with these arguments; fails with its output when it fails. Returns what it printed. */
  pawl(...args: string[]): Promise<string>;
  /** Stops the servers and removes the folder. */
  close(): Promise<void>;
}

/** Makes one. Nothing runs yet. @param root the folder of the clone, which must be built */
export async function openInstallation(root: string): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-bench-'));
  const [temporal, ui, mlflow] = await freePorts(3);
  const env = {
    ...process.env,
    PAWL_HOME: folder,
    PAWL_STORE: join(folder, 'store'),
    PAWL_TEMPORAL_PORT: String(temporal),
    PAWL_TEMPORAL_UI_PORT: String(ui),
    PAWL_MLFLOW_PORT: String(mlflow),
    MLFLOW_TRACKING_URI: 'off',
    TEMPORAL_ADDRESS: '',
  };
  Reflect.deleteProperty(env, 'TEMPORAL_ADDRESS');
  const pawl = (...args: string[]): Promise<string> => runNode([join(root, 'bin', 'pawl.mjs'), ...args], root, env);
  return {
    folder,
    store: env.PAWL_STORE,
    temporal: `127.0.0.1:${temporal ?? 0}`,
    pawl,
    close: async () => {
      await pawl('down');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function runNode(args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${args.slice(1).join(' ')} ended with ${code ?? 'a signal'}:\n${output}`));
    });
  });
}

/** Ports that nobody listens on right now. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.on('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  return Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          const address = server.address();
          const port = typeof address === 'object' && address !== null ? address.port : 0;
          server.close(() => resolve(port));
        }),
    ),
  );
}

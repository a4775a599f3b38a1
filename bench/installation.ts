// A Pawl of its own, for measuring and for chaos: state in a temporary folder, servers on free ports, the `pawl` command of this clone.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isPortFree } from '../local/port-check.js';

export interface Installation {
  folder: string;
  store: string;
  /** host:port of its Temporal server. */
  temporal: string;
  /** URL of its MLflow server, which is only started when asked for. */
  mlflow: string;
  /** Runs `pawl` with these arguments; fails with its output when it fails. Returns what it printed. */
  pawl(...args: string[]): Promise<string>;
  /** Stops the servers and removes the folder. */
  close(): Promise<void>;
}

export interface InstallationOptions {
  /** Whether it has MLflow, which takes a quarter of a minute of the machine; default not. */
  mlflow?: boolean;
  /** More of the environment, by what the folder will be. */
  env?: (folder: string) => Record<string, string>;
}

/** Makes one. Nothing runs yet. @param root the folder of the clone, which must be built */
export async function openInstallation(root: string, options: InstallationOptions = {}): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'pawl-bench-'));
  const [temporal, ui, mlflow] = await freePorts(3);
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(PAWL_HOME|PAWL_STORE|TEMPORAL_|MLFLOW_)/.test(name)),
    ),
    PAWL_HOME: folder,
    PAWL_STORE: join(folder, 'store'),
    PAWL_TEMPORAL_PORT: String(temporal),
    PAWL_TEMPORAL_UI_PORT: String(ui),
    PAWL_MLFLOW_PORT: String(mlflow),
    ...(options.mlflow === true ? {} : { MLFLOW_TRACKING_URI: 'off' }),
    ...options.env?.(folder),
  };
  const pawl = (...args: string[]): Promise<string> => runNode([join(root, 'bin', 'pawl.mjs'), ...args], root, env);
  return {
    folder,
    store: join(folder, 'store'),
    temporal: `127.0.0.1:${temporal ?? 0}`,
    mlflow: `http://127.0.0.1:${mlflow ?? 0}`,
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

/**
 * Ports that nobody listens on right now, below those that systems hand out to outgoing connections: a server that takes its
 * time to start still finds its own free.
 */
async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (!found.includes(port) && (await isPortFree(port))) found.push(port);
  }
  return found;
}

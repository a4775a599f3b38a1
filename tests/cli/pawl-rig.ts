// The real `pawl` in a home of its own: what it writes, and its exit status.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../local/home-rig.js';
import { repository } from '../local/built.js';

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface PawlRig {
  folder: string;
  env: NodeJS.ProcessEnv;
  pawl(args: string[], env?: NodeJS.ProcessEnv): Promise<Outcome>;
  /** The same, still running. */
  begin(args: string[]): { child: ChildProcess; outcome: Promise<Outcome>; stdout: () => string };
  dispose(): Promise<void>;
}

/** MLflow is off: a run does not wait for it, and it takes a quarter of a minute of the machine. */
export async function pawlRig(): Promise<PawlRig> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pawl-cli-')));
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PAWL_|TEMPORAL_|MLFLOW_)/.test(name))),
    PAWL_HOME: join(folder, 'home'),
    PAWL_TEMPORAL_PORT: String(await freePort()),
    PAWL_TEMPORAL_UI_PORT: String(await freePort()),
    PAWL_THREADS: '1',
    MLFLOW_TRACKING_URI: 'off',
    NO_COLOR: '1',
  };
  const begin: PawlRig['begin'] = (args) => start(folder, args, env);
  return {
    folder,
    env,
    begin,
    pawl: (args, more = {}) => start(folder, args, { ...env, ...more }).outcome,
    async dispose() {
      await begin(['down']).outcome;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function start(cwd: string, args: string[], env: NodeJS.ProcessEnv): ReturnType<PawlRig['begin']> {
  const child = spawn(process.execPath, [join(repository, 'bin', 'pawl.mjs'), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const outcome = new Promise<Outcome>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  return { child, outcome, stdout: () => stdout };
}

// A Temporal server and real worker processes of this build, in a home of their own; nothing is left at the end.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { RunInput } from '../../activities/calls.js';
import type { Plan, StepNode, Value } from '../../schemas/generated/plan.js';
import { planHash } from '../../schemas/identity.js';
import { openStore } from '../../store/open.js';
import type { ObjectStore } from '../../store/store.js';
import { planKind } from '../activities/bench.js';
import { ensureBuilt, repository } from '../local/built.js';
import { startTemporal } from '../support/temporal-server.js';

export interface Rig {
  home: string;
  /** host:port of its Temporal server. */
  address: string;
  store: ObjectStore;
  client: Client;
  /** Starts a worker process and waits until it polls. */
  startWorker(env?: NodeJS.ProcessEnv): Promise<WorkerProcess>;
  start(
    plan: Plan,
    name: string,
    options?: { byReference: boolean },
  ): Promise<Awaited<ReturnType<Client['workflow']['start']>>>;
  close(): Promise<void>;
}

export interface WorkerProcess {
  pid: number;
  log(): string;
  /** Ends it with this signal and resolves with its exit code, null after a signal. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts the server; about two seconds. */
export async function openRig(): Promise<Rig> {
  await ensureBuilt();
  const home = mkdtempSync(join(tmpdir(), 'pawl-worker-'));
  const server = await startTemporal();
  const { address, client } = server;
  const store = await openStore(join(home, 'store'));
  const workers: ChildProcess[] = [];
  return {
    home,
    address,
    store,
    client,
    async startWorker(env = {}) {
      const log: Buffer[] = [];
      const child = spawn(process.execPath, [join(repository, 'dist', 'worker', 'main.js')], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: {
          ...process.env,
          TEMPORAL_ADDRESS: address,
          PAWL_HOME: home,
          MLFLOW_TRACKING_URI: 'off',
          PAWL_THREADS: '1',
          ...env,
        },
      });
      workers.push(child);
      child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
      const text = (): string => Buffer.concat(log).toString();
      await until(() => isReady(home, child), 20_000, text);
      return { pid: child.pid ?? 0, log: text, end: (signal) => ended(child, signal) };
    },
    start: (plan, name, { byReference } = { byReference: false }) =>
      client.workflow.start(plan.name, {
        taskQueue: 'pawl',
        workflowId: `${plan.name}/${name}`,
        args: [{ ...runInput(plan, store.id), ...(byReference ? { plan: null } : {}) }],
      }),
    async close() {
      for (const worker of workers)
        if (worker.exitCode === null && worker.signalCode === null) await ended(worker, 'SIGKILL');
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

const runInput = (plan: Plan, storeId: string): RunInput => ({
  plan,
  planHash: planHash(plan),
  placement: { workflowQueue: 'pawl', trainers: [{ queue: 'pawl-trainer', gpus: 0, labels: [] }] },
  storeId,
  features: { searchAttributes: false },
  gitCommit: null,
  mlflow: null,
});

/** A plan of these steps. */
export function planOf(name: string, steps: Record<string, StepNode>): Plan {
  const used = [...new Set(Object.values(steps).map(({ uses }) => uses))];
  const kinds = Object.fromEntries(used.map((kind) => [kind, planKind(kind)]));
  return { irVersion: 1, expressions: 'cel', name, seed: 0, params: {}, kinds, steps, outputs: {}, metrics: {} };
}

/** A step with a checkpoint a step and three attempts. */
export const stepOf = (uses: string, inputs: Record<string, Value>, change: Partial<StepNode> = {}): StepNode => ({
  node: 'step',
  uses,
  with: inputs,
  deps: [],
  if: null,
  else: null,
  cache: true,
  failFast: false,
  retry: { attempts: 3, backoffMs: 100, maxBackoffMs: 500, for: null },
  timeoutMs: null,
  deadlineMs: null,
  checkpoint: { everySteps: 1, everyMs: null, keepLast: 2 },
  resources: { gpus: 0, labels: [] },
  summary: '',
  ...change,
});

/** Polls until `holds`; fails with what `describe` says. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs: number,
  describe: () => string,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms:\n${describe()}`);
    await sleep(50);
  }
}

function isReady(home: string, child: ChildProcess): boolean {
  try {
    return (
      (JSON.parse(readFileSync(join(home, 'run', 'worker-ready.json'), 'utf8')) as { pid: number }).pid === child.pid
    );
  } catch {
    return false;
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve(code));
    child.kill(signal);
  });
}

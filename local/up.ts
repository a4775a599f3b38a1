// Starts the embedded default: what is configured and does not run yet.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporalConfig } from '../schemas/config.js';
import { mlflowUrl, temporalAddress, temporalUiUrl } from './addresses.js';
import { connectTemporal } from './connect.js';
import { stopAll } from './down.js';
import { readJsonFile, writeJsonFile } from './json-file.js';
import { layoutOf, makeFolders, type Layout } from './layout.js';
import { LocalError } from './local-error.js';
import { keepHistory, registerSearchAttributes } from './namespace.js';
import { isAlive, signal } from './process-identity.js';
import { accepts, holderOf, isPortFree } from './port-check.js';
import { supervised } from './ps.js';
import { mlflowAnswers, waitFor, workerPolls } from './readiness.js';
import { differenceOf, desiredServices } from './services.js';
import type { ServicesFile, ServiceState } from './service-spec.js';
import { withUpLock } from './up-lock.js';

const temporalTimeoutMs = 30_000;
const workerTimeoutMs = 60_000;
const workerGraceMs = 20_000;
const mlflowTimeoutMs = 150_000;

export interface UpOptions {
  /** Gets one line for each thing that happens. */
  say: (line: string) => void;
  /** Whether to wait for MLflow as well, which takes a quarter of a minute; a run does not need it to start. */
  waitForMlflow: boolean;
  env?: NodeJS.ProcessEnv;
}

/**
 * Starts the supervisor with what this configuration asks for, or leaves a running one alone when it is the same, and
 * waits until Temporal and the worker can be used. Safe to run twice and by two at once. Fails with LocalError.
 */
export async function up(config: TemporalConfig, options: UpOptions): Promise<void> {
  const layout = layoutOf(config.home);
  makeFolders(layout);
  await withUpLock(layout, async () => {
    const wanted = desiredServices(config, layout, options.env ?? process.env);
    const running = supervised(config);
    const difference = running === null ? null : differenceOf(running, wanted);
    if (difference?.isNewBuild === true) {
      options.say(`${difference.reason}: restarting the worker`);
      writeJsonFile(layout.services, wanted);
      await restartWorker(layout);
    } else if (running === null || difference !== null) {
      if (difference !== null) options.say(`${difference.reason}: restarting`);
      await stopAll(layout);
      await start(config, layout, wanted, options);
    }
    await waitUntilReady(config, layout, wanted, options);
  });
}

async function start(config: TemporalConfig, layout: Layout, wanted: ServicesFile, options: UpOptions): Promise<void> {
  await checkPorts(config, wanted);
  writeJsonFile(layout.services, wanted);
  const main = join(config.packageRoot, 'dist', 'local', 'supervisor-main.js');
  if (!existsSync(main)) throw new LocalError('not_built', `${main} is not there.\nRun \`npm run setup\`.`);
  const output = openSync(layout.log('supervisor'), 'a', 0o600);
  const child = spawn(process.execPath, [main, config.home, config.log], {
    cwd: config.home,
    env: options.env ?? process.env,
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  child.unref();
  const deadline = Date.now() + 60_000;
  while (supervised(config) === null) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new LocalError('not_ready', `The supervisor did not start.\nIts log is ${layout.log('supervisor')}.`);
    }
    await sleep(20);
  }
}

/** Ends the worker; the supervisor starts it again, from the new build. */
async function restartWorker(layout: Layout): Promise<void> {
  const worker = readJsonFile<ServiceState>(layout.state('worker'))?.process;
  if (worker == null) return;
  signal({ ...worker, group: false }, 'SIGTERM');
  const deadline = Date.now() + workerGraceMs;
  while (isAlive(worker)) {
    if (Date.now() > deadline) signal({ ...worker, group: true }, 'SIGKILL');
    await sleep(50);
  }
}

async function checkPorts(config: TemporalConfig, wanted: ServicesFile): Promise<void> {
  const names = new Set(wanted.services.map(({ name }) => name));
  const ports = [
    ...(names.has('temporal')
      ? ([
          [config.ports.temporal, 'Temporal', 'PAWL_TEMPORAL_PORT'],
          [config.ports.temporalUi, 'the Temporal UI', 'PAWL_TEMPORAL_UI_PORT'],
        ] as const)
      : []),
    ...(names.has('mlflow') ? ([[config.ports.mlflow, 'MLflow', 'PAWL_MLFLOW_PORT']] as const) : []),
  ];
  for (const [port, what, variable] of ports) {
    if (await isPortFree(port)) continue;
    const holder = holderOf(port);
    throw new LocalError(
      'port_in_use',
      [
        `Port ${port}, where ${what} is to listen, is in use${holder === null ? '' : ` by ${holder}`}.`,
        `Set ${variable} to another port, or stop what uses it. If that is Pawl in another folder: \`pawl down\` there.`,
      ].join('\n'),
    );
  }
}

async function waitUntilReady(
  config: TemporalConfig,
  layout: Layout,
  wanted: ServicesFile,
  options: UpOptions,
): Promise<void> {
  const names = new Set(wanted.services.map(({ name }) => name));
  const { say } = options;
  if (names.has('temporal')) {
    const isReady = () => accepts(config.ports.temporal);
    await waitFor({ layout, name: 'temporal', timeoutMs: temporalTimeoutMs, isReady, say });
  }
  const connection = await connectTemporal(config, 10_000);
  try {
    if (names.has('temporal')) {
      await untilItWorks(() => registerSearchAttributes(connection, config.temporal.namespace));
      await untilItWorks(() => keepHistory(connection, config.temporal.namespace));
      say(`Temporal  ${temporalAddress(config)}  ${temporalUiUrl(config) ?? ''}`);
    }
    const isReady = () => {
      const state = readJsonFile<ServiceState>(layout.state('worker'));
      if (state?.process == null || !isAlive(state.process)) return Promise.resolve(false);
      return workerPolls(connection, config, Date.parse(state.startedAt)).catch(() => false);
    };
    await waitFor({ layout, name: 'worker', timeoutMs: workerTimeoutMs, isReady, say });
    say(`worker    polls ${[config.workflowQueue, ...config.trainers.map(({ queue }) => queue)].join(', ')}`);
  } finally {
    await connection.close();
  }
  if (names.has('mlflow') && options.waitForMlflow) {
    await waitFor({ layout, name: 'mlflow', timeoutMs: mlflowTimeoutMs, isReady: () => mlflowAnswers(config), say });
    say(`MLflow    ${mlflowUrl(config) ?? ''}`);
  }
}

/** A server that just opened its port may refuse for a moment, on a busy machine for a while. */
async function untilItWorks(work: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
}

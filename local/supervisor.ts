// Keeps the embedded servers and the worker alive.
//
// Owns: the processes it started, each the leader of a group of its own, and their state files.
// Does not own: the order of `up` and `down` (up.ts, down.ts), readiness (readiness.ts).
// I1: a service's state file names its process while that process lives.
// I2: when a leader has ended, nothing of its group outlives it.
// I3: after stop() no process of this supervisor is left.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeJsonFile } from './json-file.js';
import type { Layout } from './layout.js';
import { accepts } from './port-check.js';
import { identify, killGroupOfChild } from './process-identity.js';
import type { ServiceSpec, ServiceState } from './service-spec.js';

const firstBackoffMs = 250;
const longestBackoffMs = 30_000;
/** A service that lived so long works, whatever ended it; one that ends sooner, again and again, does not. */
const healthyAfterMs = 10_000;
const longestLogBytes = 20 * 2 ** 20;

export interface Supervisor {
  /** Ends every service, the worker first, and resolves when all are gone. */
  stop(): Promise<void>;
}

interface Kept {
  spec: ServiceSpec;
  child: ChildProcess | null;
  ended: Promise<void>;
}

/** Starts the services and restarts what ends, until stop(). `log` gets one line for each event. */
export function supervise(layout: Layout, services: readonly ServiceSpec[], log: (line: string) => void): Supervisor {
  const stopping = new AbortController();
  const kept: Kept[] = services.map((spec) => ({ spec, child: null, ended: Promise.resolve() }));
  const loops = kept.map((service) => keepAlive(service, layout, log, stopping.signal));
  return {
    async stop() {
      stopping.abort();
      // The worker goes first, while the servers it reports to are there.
      for (const service of kept.filter(({ spec }) => spec.name === 'worker')) await end(service, log);
      await Promise.all(kept.map((service) => end(service, log)));
      await Promise.all(loops);
    },
  };
}

async function keepAlive(
  service: Kept,
  layout: Layout,
  log: (line: string) => void,
  stopping: AbortSignal,
): Promise<void> {
  const { spec } = service;
  let backoffMs: number | null = null;
  const state: ServiceState = { name: spec.name, process: null, startedAt: '', restarts: 0, lastEnd: null };
  const isStopping = (): boolean => stopping.aborted;
  while (!isStopping()) {
    await untilPortAccepts(spec.afterPort, stopping);
    if (isStopping()) break;
    const startedMs = Date.now();
    const how = await runOnce(service, layout, state);
    if (isStopping()) break;
    backoffMs = backoffAfter(Date.now() - startedMs, backoffMs);
    log(`${spec.name} ended (${how}); starting it again in ${backoffMs} ms`);
    Object.assign(state, { process: null, lastEnd: how, restarts: state.restarts + 1 });
    writeJsonFile(layout.state(spec.name), state);
    await sleep(backoffMs, undefined, { signal: stopping }).catch(() => undefined);
  }
  rmSync(layout.state(spec.name), { force: true });
}

/** How long to wait before a service is started again: twice as long each time, unless it had been working. Pure. */
export function backoffAfter(livedMs: number, lastMs: number | null): number {
  return lastMs === null || livedMs >= healthyAfterMs ? firstBackoffMs : Math.min(lastMs * 2, longestBackoffMs);
}

async function runOnce(service: Kept, layout: Layout, state: ServiceState): Promise<string> {
  const { spec } = service;
  const output = openLog(layout.log(spec.name));
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: { ...process.env, ...spec.env },
    stdio: ['ignore', output, output],
    detached: true,
  });
  closeSync(output);
  const how = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, name) => resolve(name ?? `exit ${code}`));
  });
  service.child = child;
  service.ended = how.then(() => {
    service.child = null;
    if (child.pid !== undefined) killGroupOfChild(child.pid);
  });
  Object.assign(state, {
    process: child.pid === undefined ? null : identify(child.pid),
    startedAt: new Date().toISOString(),
  });
  writeJsonFile(layout.state(spec.name), state);
  await service.ended;
  return how;
}

async function end(service: Kept, log: (line: string) => void): Promise<void> {
  const child = service.child;
  if (child?.pid === undefined) return;
  child.kill('SIGTERM');
  const inTime = await Promise.race([
    service.ended.then(() => true),
    sleep(service.spec.graceMs, false, { ref: false }),
  ]);
  if (inTime) return;
  log(`${service.spec.name} did not end within ${service.spec.graceMs} ms: killed`);
  killGroupOfChild(child.pid);
  await service.ended;
}

async function untilPortAccepts(port: number | null, stopping: AbortSignal): Promise<void> {
  if (port === null) return;
  while (!stopping.aborted && !(await accepts(port))) {
    await sleep(100, undefined, { signal: stopping }).catch(() => undefined);
  }
}

/** Opens the log for appending; a long one is put aside as `.1` first. */
function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > longestLogBytes) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

// What of the embedded default runs now.
import { readFileSync } from 'node:fs';
import type { TemporalConfig } from '../schemas/config.js';
import { mlflowUrl, temporalAddress } from './addresses.js';
import { readJsonFile } from './json-file.js';
import { layoutOf, serviceNames, type ServiceName } from './layout.js';
import { isAlive } from './process-identity.js';
import type { ServicesFile, ServiceState, SupervisorState } from './service-spec.js';

export interface ServiceView {
  name: ServiceName;
  /** external: it runs elsewhere; restarting: it ended and is about to be started again. */
  state: 'running' | 'restarting' | 'stopped' | 'external' | 'off';
  pid: number | null;
  startedAt: string | null;
  restarts: number;
  lastEnd: string | null;
  /** Resident memory of the leader in MiB; null where the system does not tell. */
  memoryMiB: number | null;
  address: string | null;
  log: string | null;
}

/** The state of each service. Reads state files and the process table. */
export function ps(config: TemporalConfig): ServiceView[] {
  return serviceNames.map((name) => viewOf(config, name));
}

/** Whether a supervisor of this home runs, and with what; null when none does. */
export function supervised(config: TemporalConfig): ServicesFile | null {
  const layout = layoutOf(config.home);
  const state = readJsonFile<SupervisorState>(layout.supervisorState);
  if (state === null || !isAlive(state.process)) return null;
  return readJsonFile<ServicesFile>(layout.services);
}

function viewOf(config: TemporalConfig, name: ServiceName): ServiceView {
  const layout = layoutOf(config.home);
  const state = readJsonFile<ServiceState>(layout.state(name));
  const pid = livePid(state);
  const wanted = supervised(config)?.services.some((service) => service.name === name) === true;
  return {
    name,
    state: pid !== null ? 'running' : wanted ? 'restarting' : elsewhere(config, name),
    pid,
    startedAt: pid === null || state === null ? null : state.startedAt,
    restarts: state?.restarts ?? 0,
    lastEnd: state?.lastEnd ?? null,
    memoryMiB: pid === null ? null : residentMiB(pid),
    address: addressOf(config, name),
    log: wanted ? layout.log(name) : null,
  };
}

const livePid = (state: ServiceState | null): number | null =>
  state?.process != null && isAlive(state.process) ? state.process.pid : null;

function elsewhere(config: TemporalConfig, name: ServiceName): 'stopped' | 'external' | 'off' {
  if (name === 'temporal' && config.temporal.address !== null) return 'external';
  if (name === 'mlflow' && config.mlflow.url !== null) return config.mlflow.url === 'off' ? 'off' : 'external';
  return 'stopped';
}

function addressOf(config: TemporalConfig, name: ServiceName): string | null {
  if (name === 'temporal') return temporalAddress(config);
  return name === 'mlflow' ? mlflowUrl(config) : null;
}

function residentMiB(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? null : Math.round(Number(kib) / 1024);
  } catch {
    return null;
  }
}

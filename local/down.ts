// Stops what `up` started, whatever state it is in.
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TemporalConfig } from '../schemas/config.js';
import { readJsonFile } from './json-file.js';
import { layoutOf, serviceNames, type Layout } from './layout.js';
import { isAlive, signal, type ProcessIdentity } from './process-identity.js';
import type { ServiceState, SupervisorState } from './service-spec.js';
import { withUpLock } from './up-lock.js';

const supervisorGraceMs = 45_000;
const serviceGraceMs = 10_000;

/** Stops the supervisor and every service of this home. Returns the names of what ran. Safe to run twice. */
export async function down(config: TemporalConfig): Promise<string[]> {
  const layout = layoutOf(config.home);
  if (!existsSync(layout.runFolder)) return [];
  return withUpLock(layout, () => stopAll(layout));
}

/** The same for a caller that holds the lock. */
export async function stopAll(layout: Layout): Promise<string[]> {
  const ran = serviceNames.filter((name) => {
    const state = readJsonFile<ServiceState>(layout.state(name));
    return state !== null && state.process !== null && isAlive(state.process);
  });
  const supervisor = readJsonFile<SupervisorState>(layout.supervisorState);
  if (supervisor !== null) await endProcess({ ...supervisor.process, group: false }, supervisorGraceMs);
  // Only after a supervisor that was itself killed is there anything left to do here.
  for (const name of [...serviceNames].reverse()) {
    const state = readJsonFile<ServiceState>(layout.state(name));
    if (state?.process != null) await endProcess({ ...state.process, group: true }, serviceGraceMs);
    rmSync(layout.state(name), { force: true });
  }
  rmSync(layout.supervisorState, { force: true });
  return ran;
}

async function endProcess(target: ProcessIdentity & { group: boolean }, graceMs: number): Promise<void> {
  if (!signal({ ...target, group: false }, 'SIGTERM')) return;
  const deadline = Date.now() + graceMs;
  while (isAlive(target)) {
    if (Date.now() > deadline) signal(target, 'SIGKILL');
    await sleep(50);
  }
}

// Waiting until what `up` started can be used, and what to show when it cannot.
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import type { TemporalConfig } from '../schemas/config.js';
import { mlflowUrl } from './addresses.js';
import { readJsonFile } from './json-file.js';
import type { Layout, ServiceName } from './layout.js';
import { LocalError } from './local-error.js';
import { pollersOf } from './pollers.js';
import type { ServiceState } from './service-spec.js';

const restartsUntilGivenUp = 4;

export interface Wait {
  layout: Layout;
  name: ServiceName;
  timeoutMs: number;
  /** Whether it can be used now; must not throw. */
  isReady: () => Promise<boolean>;
  say: (line: string) => void;
}

/** Resolves when the service is ready. Fails with not_ready and the end of its log: at the time-out, or when it keeps dying. */
export async function waitFor(wait: Wait): Promise<void> {
  const startedMs = Date.now();
  const restartsBefore = readJsonFile<ServiceState>(wait.layout.state(wait.name))?.restarts ?? 0;
  let saidMs = startedMs;
  while (!(await wait.isReady())) {
    const state = readJsonFile<ServiceState>(wait.layout.state(wait.name));
    const restarts = Math.max(0, (state?.restarts ?? 0) - restartsBefore);
    const seconds = Math.round((Date.now() - startedMs) / 1000);
    if (restarts >= restartsUntilGivenUp) {
      throw notReady(wait, `${wait.name} ended ${restarts} times within ${seconds} s (${state?.lastEnd ?? 'unknown'})`);
    }
    if (Date.now() - startedMs > wait.timeoutMs) throw notReady(wait, `${wait.name} is not ready after ${seconds} s`);
    if (Date.now() - saidMs > 5_000) {
      saidMs = Date.now();
      wait.say(`  still waiting for ${wait.name} (${seconds} s)`);
    }
    await sleep(100);
  }
}

/** Whether MLflow answers. */
export async function mlflowAnswers(config: TemporalConfig): Promise<boolean> {
  try {
    const answer = await fetch(`${mlflowUrl(config) ?? ''}/health`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok;
  } catch {
    return false;
  }
}

/** Whether a worker that started after `sinceMs` polls every queue of the configuration. */
export async function workerPolls(connection: Connection, config: TemporalConfig, sinceMs: number): Promise<boolean> {
  const queues = [config.workflowQueue, ...config.trainers.map(({ queue }) => queue)];
  for (const [index, queue] of queues.entries()) {
    const pollers = await pollersOf(
      connection,
      config.temporal.namespace,
      queue,
      index === 0 ? 'workflow' : 'activity',
    );
    if (!pollers.some(({ lastSeenMs }) => lastSeenMs >= sinceMs)) return false;
  }
  return true;
}

function notReady(wait: Wait, fact: string): LocalError {
  const log = wait.layout.log(wait.name);
  const tail = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15) : [];
  return new LocalError(
    'not_ready',
    [
      `${fact}.`,
      `The end of ${log}:`,
      ...tail.map((line) => `  | ${line}`),
      'Mend what it says and run `pawl up` again; `pawl down` stops the rest.',
    ].join('\n'),
  );
}

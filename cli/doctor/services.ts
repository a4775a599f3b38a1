// pawl doctor: the embedded servers as their supervisor keeps them, what `pawl up` would do where none run, and MLflow.
import { mlflowUrl } from '../../local/addresses.js';
import { layoutOf } from '../../local/layout.js';
import { mlflowService } from '../../local/mlflow-service.js';
import { holderOf, isPortFree } from '../../local/port-check.js';
import { ps, supervised } from '../../local/ps.js';
import { findTemporal } from '../../local/temporal-binary.js';
import { workerService } from '../../local/worker-service.js';
import type { TemporalConfig } from '../../schemas/config.js';
import { fail, failure, ok, warn, type Finding } from './finding.js';

/** Whether Temporal is one that `pawl up` starts, and has not started. */
export const isDown = (config: TemporalConfig): boolean =>
  config.temporal.address === null && supervised(config) === null;

/** More ends than that are no accident. */
const manyRestarts = 3;

/** The supervised processes; nothing when none are wanted. */
export function checkServices(config: TemporalConfig): Finding[] {
  if (supervised(config) === null) return [];
  return ps(config)
    .filter(({ log }) => log !== null)
    .map(({ name, state, restarts, lastEnd, log }) => {
      const check = `service ${name}`;
      const ends = restarts === 0 ? '' : `; it ended ${restarts} times (${lastEnd ?? 'unknown'})`;
      if (state !== 'running')
        return fail(check, `it ended and is being started again${ends}`, `Its log says why: ${log ?? ''}`);
      return restarts > manyRestarts
        ? warn(check, `runs${ends}`, `Its log says why: ${log ?? ''}`)
        : ok(check, `runs${ends}`);
    });
}

/** What `pawl up` would start, and what would keep it from that. Starts nothing. */
export async function checkStart(config: TemporalConfig): Promise<Finding[]> {
  const findings: Finding[] = [];
  const planned: string[] = [];
  const attempt = (work: () => string): void => {
    try {
      planned.push(work());
    } catch (error) {
      findings.push(failure('start', error));
    }
  };
  attempt(() => {
    const { path, version } = findTemporal(config.packageRoot);
    return `Temporal on port ${config.ports.temporal} (${path}, ${version})`;
  });
  if (config.mlflow.url === null) {
    attempt(() => {
      mlflowService(config, layoutOf(config.home));
      return `MLflow on port ${config.ports.mlflow}`;
    });
  }
  attempt(() => {
    workerService(config);
    return `a worker for ${[config.workflowQueue, ...config.trainers.map(({ queue }) => queue)].join(', ')}`;
  });
  const { temporal, temporalUi, mlflow } = config.ports;
  for (const port of [temporal, temporalUi, ...(config.mlflow.url === null ? [mlflow] : [])]) {
    if (await isPortFree(port)) continue;
    findings.push(
      fail(
        'start',
        `port ${port} is in use by ${holderOf(port) ?? 'another program'}`,
        'Stop it, or set PAWL_TEMPORAL_PORT, PAWL_TEMPORAL_UI_PORT, PAWL_MLFLOW_PORT.',
      ),
    );
  }
  return [
    warn('servers', 'nothing runs here', `\`pawl up\`, or the next \`pawl run\`, starts ${planned.join(', ')}.`),
    ...findings,
  ];
}

/** Whether MLflow answers; down is a warning, since runs go on and it catches up. */
export async function checkMlflow(config: TemporalConfig, timeoutMs = 5_000): Promise<Finding[]> {
  const url = mlflowUrl(config);
  if (url === null) return [ok('MLflow', 'off')];
  const wayOut =
    config.mlflow.url === null
      ? '`pawl ps` shows its state and log. Runs go on without, and it catches up from the store.'
      : 'Correct MLFLOW_TRACKING_URI, or start it. Runs go on without, and it catches up from the store.';
  try {
    const answer = await fetch(`${url}/version`, { signal: AbortSignal.timeout(timeoutMs) });
    const text = (await answer.text()).trim();
    if (answer.ok) return [ok('MLflow', `${url}, version ${text.slice(0, 40)}`)];
    return [warn('MLflow', `${url} answers with status ${answer.status}`, wayOut)];
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    return [warn('MLflow', `${url} does not answer (${cause})`, wayOut)];
  }
}

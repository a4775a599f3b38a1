// Which processes this configuration asks for, and what decides what they do.
import { createHash } from 'node:crypto';
import type { TemporalConfig } from '../schemas/config.js';
import type { Layout } from './layout.js';
import { mlflowService } from './mlflow-service.js';
import type { ServiceSpec, ServicesFile } from './service-spec.js';
import { claimDatabase, temporalService } from './temporal-service.js';
import { findTemporal } from './temporal-binary.js';
import { workerService } from './worker-service.js';

const relevant = /^(PAWL_|TEMPORAL_|MLFLOW_|AWS_|HF_|CUDA_|OMP_)/;

/**
 * What `up` keeps alive: Temporal unless an address is set, MLflow unless a tracking URI is set, and the worker.
 * Fails with LocalError when one of them cannot be started. Reads, and records the CLI's version beside the database.
 */
export function desiredServices(config: TemporalConfig, layout: Layout, env: NodeJS.ProcessEnv): ServicesFile {
  const services: ServiceSpec[] = [];
  if (config.temporal.address === null) {
    const binary = findTemporal(config.packageRoot, env);
    claimDatabase(layout, binary);
    services.push(temporalService(config, layout, binary));
  }
  if (config.mlflow.url === null) services.push(mlflowService(config, layout));
  services.push(workerService(config));
  const settings = Object.fromEntries(
    Object.entries(env)
      .filter((entry): entry is [string, string] => relevant.test(entry[0]) && entry[1] !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, createHash('sha256').update(value).digest('hex').slice(0, 16)]),
  );
  return { services, settings };
}

/** What differs between two sets of services, in a person's words; null when nothing does. Pure. */
export function differenceOf(before: ServicesFile, after: ServicesFile): string | null {
  const variables = [...new Set([...Object.keys(before.settings), ...Object.keys(after.settings)])].filter(
    (name) => before.settings[name] !== after.settings[name],
  );
  if (variables.length > 0) return `${variables.sort().join(', ')} changed`;
  for (const spec of after.services) {
    const old = before.services.find(({ name }) => name === spec.name);
    if (old === undefined) return `${spec.name} is wanted now`;
    if (old.stamp !== spec.stamp) return spec.name === 'worker' ? 'there is a new build' : `${spec.name} has another version`;
    if (JSON.stringify(old) !== JSON.stringify(spec)) return `${spec.name} is started differently`;
  }
  return before.services.length > after.services.length ? 'fewer services are wanted' : null;
}

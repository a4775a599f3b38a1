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

export interface Difference {
  /** In a person's words. */
  reason: string;
  /** Only the worker has changed, and only by a new build: the servers may stay. */
  isNewBuild: boolean;
}

/** What differs between two sets of services; null when nothing does. Pure. */
export function differenceOf(before: ServicesFile, after: ServicesFile): Difference | null {
  const variables = [...new Set([...Object.keys(before.settings), ...Object.keys(after.settings)])].filter(
    (name) => before.settings[name] !== after.settings[name],
  );
  if (variables.length > 0) return { reason: `${variables.sort().join(', ')} changed`, isNewBuild: false };
  const stampless = (file: ServicesFile) => JSON.stringify(file.services.map((spec) => ({ ...spec, stamp: '' })));
  if (stampless(before) !== stampless(after)) return { reason: 'other services are wanted', isNewBuild: false };
  const stamps = after.services
    .filter((spec, index) => spec.stamp !== before.services[index]?.stamp)
    .map(({ name }) => name);
  if (stamps.length === 0) return null;
  const isNewBuild = stamps.every((name) => name === 'worker');
  return { reason: isNewBuild ? 'there is a new build' : `${stamps.join(', ')} changed`, isNewBuild };
}

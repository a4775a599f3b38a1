// Worker deployment versioning: a run stays with the version of the workers that began it, until it has ended. Off unless
// temporal.config.ts names a deployment.
import type { WorkerOptions } from '@temporalio/worker';
import type { TemporalConfig } from '../schemas/config.js';

/** The options of a worker of this version; none without a deployment. Pure. */
export function deploymentOptions({
  temporal,
}: Pick<TemporalConfig, 'temporal'>): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (temporal.deployment === null) return {};
  const { name: deploymentName, buildId } = temporal.deployment;
  return {
    workerDeploymentOptions: {
      version: { deploymentName, buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    },
  };
}

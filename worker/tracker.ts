// The tracker that a configuration asks for.
import { noTracker, type Tracker } from '../activities/tracker.js';
import { mlflowUrl, workflowPage } from '../local/addresses.js';
import type { TemporalConfig } from '../schemas/config.js';
import type { ObjectStore } from '../store/store.js';
import { createMlflowTracker } from '../tracking/tracker.js';

/** MLflow, or none when it is off. `warn` is told once an outage. */
export function trackerOf(config: TemporalConfig, store: ObjectStore, warn: (message: string) => void): Tracker {
  const url = mlflowUrl(config);
  if (url === null) return noTracker;
  return createMlflowTracker({
    store,
    url,
    experiment: config.mlflow.experiment,
    temporalPage: (workflowId, runId) => workflowPage(config, workflowId, runId),
    warn,
  });
}

// The metrics of a worker, beside those of Temporal's SDK and through the same exporter.
import type { MetricMeter } from '@temporalio/common';
import type { Observer } from '../activities/observer.js';
import type { Told } from '../store/observed.js';
import type { StepEnd } from './step-ends.js';

export interface Metrics {
  observer: Omit<Observer, 'said'>;
  stepEnded(end: StepEnd): void;
  trainerStarted(queue: string): void;
  storeRequest: Told;
}

/** Upper bounds of the buckets, in seconds: steps last from milliseconds to days. */
export const histogramBuckets: Record<string, number[]> = {
  pawl_step_seconds: [0.1, 1, 10, 60, 300, 1_800, 7_200, 28_800, 86_400, 259_200],
  pawl_store_request_seconds: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
};

/** Names and labels are a contract: docs/operating.md lists them. */
export function createMetrics(meter: MetricMeter): Metrics {
  const count = (name: string, description: string) => meter.createCounter(name, '1', description);
  const steps = count('pawl_steps_total', 'Attempts of steps that have ended, by kind and end');
  const seconds = meter.createHistogram('pawl_step_seconds', 'float', 's', 'Time of an attempt of a step');
  const cached = count('pawl_steps_cached_total', 'Steps whose result stood already');
  const waited = count('pawl_claims_waited_total', 'Steps that waited while another run worked at their key');
  const checkpoints = count('pawl_checkpoints_total', 'Checkpoints stored');
  const checkpointBytes = count('pawl_checkpoint_bytes_total', 'Bytes of the checkpoints stored');
  const commits = count('pawl_commits_total', 'Results committed');
  const restarts = count('pawl_trainer_restarts_total', 'Trainer processes started after the first of their slot');
  const requests = count('pawl_store_requests_total', 'Requests to the store');
  const errors = count('pawl_store_errors_total', 'Requests to the store that failed');
  const latency = meter.createHistogram('pawl_store_request_seconds', 'float', 's', 'Time of a request to the store');
  const lag = meter.createGauge(
    'pawl_index_lag',
    'float',
    '1',
    'Mean age of the rows of the last refreshed index, in iterations',
  );
  const started = new Set<string>();
  return {
    observer: {
      claimWaited: () => waited.add(1),
      checkpointWritten(bytes) {
        checkpoints.add(1);
        checkpointBytes.add(bytes);
      },
      committed(kind, metrics) {
        commits.add(1, { kind });
        const { lag_mean: mean } = metrics;
        if (kind === 'index.refresh' && mean != null) lag.set(mean);
      },
    },
    stepEnded({ kind, end, seconds: took }) {
      if (end === 'cached') {
        cached.add(1, { kind });
        return;
      }
      steps.add(1, { kind, end });
      seconds.record(took, { kind });
    },
    trainerStarted(queue) {
      if (started.has(queue)) restarts.add(1, { queue });
      started.add(queue);
    },
    storeRequest(operation, took, failed) {
      requests.add(1, { operation });
      if (failed) errors.add(1, { operation });
      latency.record(took, { operation });
    },
  };
}

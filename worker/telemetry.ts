// Joins what a worker does to its log and its metrics.
import type { Logger } from 'pino';
import type { Attached } from './create-worker.js';
import type { Metrics } from './metrics.js';

/**
 * Every end of a step is a line; what trainers and programs say are lines too where the log is JSON, which somebody collects:
 * for a person they stand in `pawl logs` and in the trainer's own file.
 */
export function telemetryOf(
  logger: Logger,
  metrics: Metrics | null,
  log: 'human' | 'json',
): Omit<Attached, 'makeTracker'> {
  const nobody = { claimWaited: nothing, checkpointWritten: nothing, committed: nothing };
  return {
    observer: {
      ...(metrics?.observer ?? nobody),
      said(step, line) {
        if (log === 'human') return;
        logger.info({ source: 'step', run: step.workflowId, step: step.path, attempt: step.number }, line);
      },
    },
    stepEnded(end) {
      const { end: how, seconds, ...step } = end;
      metrics?.stepEnded(end);
      if (how !== 'cached') logger.info({ ...step, end: how, seconds: Number(seconds.toFixed(3)) }, 'step ended');
    },
    trainerStarted(queue) {
      metrics?.trainerStarted(queue);
      logger.info({ queue }, 'trainer started');
    },
    storeRequest: metrics?.storeRequest ?? null,
  };
}

const nothing = (): void => undefined;

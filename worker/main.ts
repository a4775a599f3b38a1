// `node dist/worker/main.js`: a worker for the queues of temporal.config.ts, until SIGTERM or SIGINT.
// Ready when <home>/run/worker-ready.json names this process; the file is removed at the end.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Runtime } from '@temporalio/worker';
import type { TemporalConfig } from '../schemas/config.js';
import { temporalAddress } from '../local/addresses.js';
import { createWorker } from './create-worker.js';
import { createLogger, installLogging } from './logging.js';
import { createMetrics, histogramBuckets } from './metrics.js';
import { freeLoopbackPort, serveOperations } from './operations-server.js';
import { telemetryOf } from './telemetry.js';
import { trackerOf } from './tracker.js';

const config: TemporalConfig = (await import('../temporal.config.js')).default;
const logger = createLogger(config.log);
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'the worker failed');
  process.exit(1);
});

async function main(): Promise<void> {
  const sdkPort = config.metricsAddress === null ? null : await freeLoopbackPort();
  installLogging(logger, sdkPort === null ? null : { port: sdkPort, buckets: histogramBuckets });
  const metrics = sdkPort === null ? null : createMetrics(Runtime.instance().metricMeter);
  const worker = await createWorker(config, {
    ...telemetryOf(logger, metrics, config.log),
    makeTracker: ({ store }) => trackerOf(config, store, (message) => logger.warn(message)),
  });
  const server =
    config.metricsAddress === null || sdkPort === null
      ? null
      : await serveOperations(config.metricsAddress, { sdkPort, health: () => worker.health() });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      logger.info({ signal }, 'shutting down');
      worker.shutdown();
    });
  }
  const readyFile = join(config.home, 'run', 'worker-ready.json');
  await mkdir(dirname(readyFile), { recursive: true });
  const running = worker.run();
  await writeFile(readyFile, JSON.stringify({ pid: process.pid, ready: true, queues: worker.queues }));
  logger.info(
    { queues: worker.queues, address: temporalAddress(config), store: config.store, operations: server?.url },
    'ready',
  );
  try {
    await running;
  } finally {
    await server?.close();
    await rm(readyFile, { force: true });
  }
}

try {
  await main();
  process.exit(0); // whatever a library keeps open
} catch (error) {
  logger.fatal({ err: error }, error instanceof Error ? error.message : String(error));
  process.exit(1);
}

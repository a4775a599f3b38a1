// `node dist/worker/main.js`: a worker for the queues of temporal.config.ts, until SIGTERM or SIGINT.
// Ready when <home>/run/worker-ready.json names this process; the file is removed at the end.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TemporalConfig } from '../schemas/config.js';
import { temporalAddress } from '../local/addresses.js';
import { createWorker } from './create-worker.js';
import { createLogger, installLogging } from './logging.js';
import { trackerOf } from './tracker.js';

const logger = createLogger();
process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'the worker failed');
  process.exit(1);
});

async function main(): Promise<void> {
  const config: TemporalConfig = (await import('../temporal.config.js')).default;
  installLogging(logger);
  const worker = await createWorker(config, ({ store }) => trackerOf(config, store, (message) => logger.warn(message)));
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
  logger.info({ queues: worker.queues, address: temporalAddress(config), store: config.store }, 'ready');
  try {
    await running;
  } finally {
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

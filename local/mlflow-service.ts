// How the embedded MLflow server is started: one process for requests, none for what Pawl does not use.
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TemporalConfig } from '../schemas/config.js';
import { loopback } from './addresses.js';
import type { Layout } from './layout.js';
import { LocalError } from './local-error.js';
import type { ServiceSpec } from './service-spec.js';

/** How to start the server on its database. Fails with python_not_found. Looks for the program. */
export function mlflowService(config: TemporalConfig, layout: Layout): ServiceSpec {
  const program = join(dirname(config.trainer.python), 'mlflow');
  try {
    accessSync(program, constants.X_OK);
  } catch {
    throw new LocalError(
      'python_not_found',
      `No MLflow: ${program} is not there.\nRun \`npm run setup\`, or set MLFLOW_TRACKING_URI to a server that runs elsewhere, or to \`off\`.`,
    );
  }
  return {
    name: 'mlflow',
    command: program,
    args: [
      ...['server', '--host', loopback, '--port', String(config.ports.mlflow), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${join(layout.mlflowFolder, 'mlflow.db')}`],
      ...['--artifacts-destination', join(layout.mlflowFolder, 'artifacts')],
    ],
    // Each of these would start processes or threads of its own, or call out.
    env: {
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      MLFLOW_ENABLE_AI_GATEWAY: 'false',
      MLFLOW_DISABLE_TELEMETRY: 'true',
      OMP_NUM_THREADS: '1',
    },
    cwd: layout.mlflowFolder,
    stamp: '',
    afterPort: null,
    graceMs: 5_000,
  };
}

// temporal.config.ts, loaded when a command needs it.
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import type { TemporalConfig } from '../schemas/config.js';

/** The configuration. Fails with CliError when a port is no port. */
export async function loadConfig(): Promise<TemporalConfig> {
  const { default: config } = await import('../temporal.config.js');
  const ports = {
    PAWL_TEMPORAL_PORT: config.ports.temporal,
    PAWL_TEMPORAL_UI_PORT: config.ports.temporalUi,
    PAWL_MLFLOW_PORT: config.ports.mlflow,
  };
  for (const [variable, port] of Object.entries(ports)) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new CliError(exitCodes.invalid, `${variable} must be a port from 1 to 65535.`);
    }
  }
  for (const { queue, gpus } of config.trainers) {
    if (queue !== '' && Number.isInteger(gpus) && gpus >= 0) continue;
    throw new CliError(
      exitCodes.invalid,
      'PAWL_TRAINERS must be queue:gpus or queue:gpus:label+label, several with commas, such as pawl-gpu:1:h200.',
    );
  }
  return config;
}

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
  return config;
}

// pawl down: stops what `up` has started.
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';

export async function down(options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const local = await import('../../local/down.js');
  const stopped = await local.down(config);
  output.record({ type: 'stopped', services: stopped });
  output.line(stopped.length === 0 ? `nothing of ${config.home} was running` : `stopped ${stopped.join(', ')}`);
  return exitCodes.ok;
}

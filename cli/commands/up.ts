// pawl up: starts the embedded servers and the worker.
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';

export async function up(options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const local = await import('../../local/up.js');
  const { ps } = await import('../../local/ps.js');
  const say = (line: string): void => {
    output.line(line);
    output.record({ type: 'progress', text: line });
  };
  await local.up(config, { say, waitForMlflow: true });
  output.record({ type: 'services', services: ps(config) });
  return exitCodes.ok;
}

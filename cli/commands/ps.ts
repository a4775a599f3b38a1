// pawl ps: what of the embedded default runs.
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { duration } from '../numbers.js';
import { processOutput } from '../output.js';
import { table } from '../table.js';

export async function ps(options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const local = await import('../../local/ps.js');
  const services = local.ps(config);
  output.record({ type: 'services', services });
  const rows = services.map((service) => [
    service.name,
    service.state,
    service.pid === null ? '' : String(service.pid),
    service.startedAt === null ? '' : duration((Date.now() - Date.parse(service.startedAt)) / 1000),
    service.restarts === 0 ? '' : `${service.restarts} (${service.lastEnd ?? 'unknown'})`,
    service.memoryMiB === null ? '' : `${service.memoryMiB} MiB`,
    service.address ?? '',
    service.log ?? '',
  ]);
  for (const line of table(
    [['service', 'state', 'pid', 'up', 'restarts', 'memory', 'address', 'log'], ...rows],
    [2, 3, 5],
  ))
    output.line(line);
  return exitCodes.ok;
}

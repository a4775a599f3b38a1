// pawl doctor: looks at everything that a run needs, says what is wrong and the way out. Changes nothing, never hangs.
import { openStore } from '../../store/open.js';
import { withLimit, type Finding } from '../doctor/finding.js';
import { checkDisks, checkTrainer } from '../doctor/machine.js';
import { checkMlflow, checkServices, checkStart, isDown } from '../doctor/services.js';
import { checkStore } from '../doctor/store.js';
import { checkTemporal } from '../doctor/temporal.js';
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';
import { wrapped } from '../wrap.js';

const width = 140;

export async function doctor(options: { json?: true; minFree?: number }): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const down = isDown(config);
  const checks = [
    ...(down
      ? [withLimit('servers', 20_000, () => checkStart(config))]
      : [
          withLimit('services', 10_000, () => Promise.resolve(checkServices(config))),
          withLimit('Temporal', 45_000, () => checkTemporal(config)),
        ]),
    withLimit('store', 30_000, async () => checkStore(await openStore(config.store), config.store)),
    withLimit('Python', 70_000, () => checkTrainer(config)),
    withLimit('disk', 10_000, () => checkDisks(config, options.minFree)),
    // Not up is said once.
    ...(down && config.mlflow.url === null ? [] : [withLimit('MLflow', 10_000, () => checkMlflow(config))]),
  ];
  const count = { ok: 0, warn: 0, fail: 0 };
  for (const check of checks) {
    for (const finding of await check) {
      count[finding.state] += 1;
      output.record({ type: 'check', ...finding });
      for (const line of lines(finding)) output.line(line);
    }
  }
  output.record({
    type: 'doctor',
    ok: count.fail === 0,
    ...{ passed: count.ok, warnings: count.warn, failures: count.fail },
  });
  output.line('');
  output.line(
    count.fail > 0
      ? `${count.fail} of ${count.ok + count.warn + count.fail} checks failed`
      : count.warn > 0
        ? `nothing is broken; ${count.warn} warning${count.warn === 1 ? '' : 's'}`
        : 'all is well',
  );
  return count.fail > 0 ? exitCodes.checkFailed : exitCodes.ok;
}

/** Pure. */
export function lines({ check, state, fact, wayOut }: Finding): string[] {
  const indent = ' '.repeat(26);
  return [
    ...wrapped(fact, { width, first: `${state.padEnd(6)}${check.padEnd(20)}`, indent }),
    ...(wayOut === null ? [] : wrapped(wayOut, { width, first: indent, indent })),
  ];
}

// pawl run: compile, submit, follow.
import { workflowPage } from '../../local/addresses.js';
import { baselineOf } from '../baseline.js';
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';
import { planOfFile, warningsOf } from '../pipeline-file.js';

export interface RunOptions {
  set: Record<string, string>;
  seed?: number;
  /** PIPELINE/NAME. */
  baseline?: string;
  name?: string;
  new?: true;
  wait?: true;
  detach?: true;
  timeout?: number;
  json?: true;
}

/** Exit status of the run, or how it was left. */
export async function run(file: string, options: RunOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const compiled = await planOfFile(file, {
    set: options.set,
    seed: options.seed,
    baseline: await baselineOf(options.baseline),
  });
  const { plan, text, files } = compiled;
  for (const warning of warningsOf(compiled)) output.warn(`${warning}\n`);
  const config = await loadConfig();
  if (config.temporal.address === null) {
    const { up } = await import('../../local/up.js');
    await up(config, { say: (line) => output.line(line), waitForMlflow: false });
  }
  const [{ openSession }, { storePlan, submit }, { openStore }] = await Promise.all([
    import('../session.js'),
    import('../submit.js'),
    import('../../store/open.js'),
  ]);
  const session = await openSession(config);
  try {
    const store = await openStore(config.store);
    await storePlan(store, { plan, files });
    const deadlineMs = options.timeout === undefined ? Infinity : Date.now() + options.timeout;
    const onWait = (workflowId: string): void => {
      output.record({ type: 'waiting', workflowId, for: 'cancellation' });
      output.line(`${workflowId} is being cancelled: it starts again once that has ended`);
    };
    const submission = {
      ...{ plan, file, text, files, name: options.name ?? null, isNew: options.new === true },
      ...{ deadlineMs, onWait },
    };
    const { workflowId, isAttached, warning } = await submit(session, store, submission);
    if (warning !== null) output.warn(warning);
    const page = workflowPage(config, workflowId);
    output.record({ type: 'submitted', workflowId, attached: isAttached, temporal: page });
    output.line(
      `${workflowId} ${isAttached ? 'is under way already: following it' : 'submitted'}${page === null ? '' : `  ${page}`}`,
    );
    if (options.detach === true) {
      output.line(`\`pawl status ${workflowId}\` shows how it goes.`);
      return exitCodes.ok;
    }
    const { follow } = await import('../follow.js');
    return await follow(session, store, { workflowId, deadlineMs, output });
  } finally {
    await session.close();
  }
}

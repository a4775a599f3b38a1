// pawl run: compile, submit, follow.
import { baselineOf } from '../baseline.js';
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
  const { plan, text, files, source } = compiled;
  for (const warning of warningsOf(compiled)) output.warn(`${warning}\n`);
  const { submitAndFollow } = await import('../submit-and-follow.js');
  return submitAndFollow(await loadConfig(), output, {
    ...{ plan, file, text, files, source, name: options.name ?? null, isNew: options.new === true },
    detach: options.detach,
    timeout: options.timeout,
  });
}

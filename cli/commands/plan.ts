// pawl plan: what a run would do now, and why. Reads the store; starts nothing.
import { defaultRunName } from '../../schemas/identity.js';
import type { PlanReport, Step } from '../../schemas/generated/plan-report.js';
import { CliError } from '../cli-error.js';
import { baselineOf } from '../baseline.js';
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { planOfFile, warningsOf } from '../pipeline-file.js';
import type { Painter } from '../plan-rows.js';

export interface PlanOptions {
  set: Record<string, string>;
  seed?: number;
  name?: string;
  /** PIPELINE/NAME. */
  baseline?: string;
  format: string;
  json?: true;
  verbose?: true;
}

const formats = ['text', 'json', 'mermaid'] as const;

export async function plan(file: string, options: PlanOptions): Promise<number> {
  const format = formats.find((one) => one === (options.json === true ? 'json' : options.format));
  if (format === undefined)
    throw new CliError(exitCodes.invalid, `--format is text, json or mermaid, and got \`${options.format}\``);
  const report = await reportOn(file, options);
  for (const line of await linesOf(report, format, options)) process.stdout.write(`${line}\n`);
  return exitCodes.ok;
}

async function reportOn(file: string, options: PlanOptions): Promise<PlanReport> {
  const read = await planOfFile(file, {
    set: options.set,
    seed: options.seed,
    baseline: await baselineOf(options.baseline),
  });
  for (const warning of warningsOf(read)) process.stderr.write(`${warning}\n\n`);
  const { plan: compiled, output } = read;
  const config = await loadConfig();
  const [{ openStore }, { reportOf }, { environmentOf }] = await Promise.all([
    import('../../store/open.js'),
    import('../../planning/report.js'),
    import('../environment-of.js'),
  ]);
  return reportOf({
    plan: compiled,
    store: await openStore(config.store),
    environment: await environmentOf(compiled, config.trainer.python),
    workflowId: `${compiled.name}/${options.name ?? defaultRunName(compiled)}`,
    now: Date.now(),
    given: new Set(Object.keys(options.set)),
    written: new Set(output.written),
    workflowQueue: config.workflowQueue,
    trainers: config.trainers,
  });
}

async function linesOf(report: PlanReport, format: (typeof formats)[number], options: PlanOptions): Promise<string[]> {
  if (format === 'json') return [JSON.stringify(report)];
  if (format === 'mermaid') return (await import('../plan-mermaid.js')).planMermaid(report);
  const { planText } = await import('../plan-text.js');
  const { isTTY, columns } = process.stdout;
  // Knows NO_COLOR, too.
  const isColoured = isTTY && process.stdout.hasColors();
  return planText(report, {
    width: isTTY ? Math.max(60, columns) : 80,
    verbose: options.verbose === true,
    paint: isColoured ? painted : plain,
  });
}

const plain: Painter = (_, text) => text;

const codes: Record<Step['state'], number> = {
  RUN: 36,
  CACHED: 32,
  RESUME: 34,
  PENDING: 33,
  SKIPPED: 90,
  WAITING: 35,
  PRUNED: 31,
  DAMAGED: 31,
};

const painted: Painter = (state, text) => `\u001b[${codes[state]}m${text}\u001b[0m`;

// pawl plan: what a run would do now, and why. Reads the store; starts nothing.
import { planHash, defaultRunName } from '../../schemas/identity.js';
import type { PlannedStep } from '../../planning/plan-run.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { loadConfig } from '../load-config.js';
import { planOfFile } from '../pipeline-file.js';
import { table } from '../table.js';

export interface PlanOptions {
  set: Record<string, string>;
  seed?: number;
  format: string;
}

export async function plan(file: string, options: PlanOptions): Promise<number> {
  if (options.format !== 'text' && options.format !== 'json') {
    throw new CliError(exitCodes.invalid, `--format is text or json, and got \`${options.format}\``);
  }
  const { plan: compiled } = await planOfFile(file, { set: options.set, seed: options.seed });
  const config = await loadConfig();
  const [{ openStore }, { planRun }, { environmentOf }] = await Promise.all([
    import('../../store/open.js'),
    import('../../planning/plan-run.js'),
    import('../environment-of.js'),
  ]);
  const store = await openStore(config.store);
  const workflowId = `${compiled.name}/${defaultRunName(compiled)}`;
  const environment = await environmentOf(compiled, config.trainer.python);
  const steps = await planRun({ plan: compiled, store, environment, workflowId });
  if (options.format === 'json') {
    process.stdout.write(`${JSON.stringify({ workflowId, planHash: planHash(compiled), plan: compiled, steps })}\n`);
    return exitCodes.ok;
  }
  for (const line of planLines(workflowId, steps)) process.stdout.write(`${line}\n`);
  return exitCodes.ok;
}

/** The plan for people. Pure. */
export function planLines(workflowId: string, steps: readonly PlannedStep[]): string[] {
  const rows = steps.map((step) => [step.state, step.path, step.uses ?? step.node, step.reason]);
  const counts = new Map<string, number>();
  for (const { state } of steps) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...table(rows), '', `${workflowId}: ${[...counts].map(([state, count]) => `${count} ${state}`).join(', ')}`];
}

// What a plan that no file holds would run, said as `pawl plan` says it, before it is submitted.
import { reportOf } from '../planning/report.js';
import type { TemporalConfig } from '../schemas/config.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { ObjectStore } from '../store/store.js';
import { environmentOf } from './environment-of.js';
import type { Output } from './output.js';
import { planText } from './plan-text.js';

/** Writes the report; `given` are the params that the command set. Reads the store. */
export async function explainPlan(run: {
  config: TemporalConfig;
  store: ObjectStore;
  plan: Plan;
  workflowId: string;
  given: readonly string[];
  output: Output;
}): Promise<void> {
  const { config, store, plan, workflowId, given, output } = run;
  const report = await reportOf({
    ...{ plan, store, workflowId, now: Date.now() },
    environment: await environmentOf(plan, config.trainer.python),
    given: new Set(given),
    written: new Set(),
    workflowQueue: config.workflowQueue,
    trainers: config.trainers,
  });
  output.record({ type: 'plan', ...report });
  const paint = (_: unknown, text: string): string => text;
  for (const line of planText(report, { width: 80, verbose: false, paint })) output.line(line);
}

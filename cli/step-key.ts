// The key of a step of a run, found from the run's record, its plan and what the store holds: no server is asked.
import { planRun } from '../planning/plan-run.js';
import type { PlannedStep } from '../planning/planned-step.js';
import type { TemporalConfig } from '../schemas/config.js';
import type { RunRecord } from '../schemas/generated/records.js';
import { parsePath } from '../schemas/ids.js';
import { readClick } from '../store/clicks.js';
import { readPlan } from '../store/plans.js';
import type { ObjectStore } from '../store/store.js';
import { CliError } from './cli-error.js';
import { environmentOf } from './environment-of.js';
import { exitCodes } from './exit-codes.js';

export interface StepKeys {
  /** The key of a step or loop, also in an iteration, whose click keeps the keys of its steps; null where it is not known yet. */
  keyAt: (path: string) => Promise<string | null>;
}

/** The keys of a run's steps. Reads when it is asked, and plans once at most. */
export function stepKeysOf(config: TemporalConfig, store: ObjectStore, record: RunRecord): StepKeys {
  let planned: Promise<PlannedStep[]> | null = null;
  // The record is written at the start and at the end, and holds no keys of loops: they follow from the plan.
  const plannedKey = async (path: string): Promise<string | null> => {
    planned ??= plannedSteps(config, store, record);
    return (await planned).find((step) => step.path === path)?.key ?? null;
  };
  return {
    async keyAt(path) {
      const [head, ...rest] = parsePath(path) ?? [];
      if (head === undefined)
        throw new CliError(exitCodes.invalid, `\`${path}\` is no path of a step. Write it like sft or rl[12].update`);
      const top = record.steps.find((step) => step.path === head.name);
      let key = top === undefined ? null : (top.key ?? (await plannedKey(top.path)));
      let { index } = head;
      for (const segment of rest) {
        if (key === null || index === null) return null;
        key = (await readClick(store, key, index))?.keys[segment.name] ?? null;
        index = segment.index;
      }
      return key;
    },
  };
}

async function plannedSteps(config: TemporalConfig, store: ObjectStore, record: RunRecord): Promise<PlannedStep[]> {
  const plan = await readPlan(store, record.planHash);
  return planRun({
    plan,
    store,
    environment: await environmentOf(plan, config.trainer.python),
    workflowId: record.workflowId,
    now: Date.now(),
  });
}

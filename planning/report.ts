// What `pawl plan` tells: the planned steps with their inputs, settings, queues and estimates, and the totals.
import type { Plan, StepNode } from '../schemas/generated/plan.js';
import type { Input, PlanReport, Setting, Step } from '../schemas/generated/plan-report.js';
import { planHash } from '../schemas/identity.js';
import type { TrainerQueue } from '../schemas/config.js';
import { estimatesOf, totalsOf } from './estimates.js';
import type { Estimate } from './estimate-step.js';
import { noRecord } from './estimate-step.js';
import { openHistory } from './history.js';
import { lookOnly } from './look-only.js';
import { planRun } from './plan-run.js';
import type { PlanRunInput } from './plan-run.js';
import type { PlannedStep } from './planned-step.js';
import { needsOf, queueOf, queueUses } from './queues.js';
import type { Offers } from './queues.js';
import { sweepOf } from './sweep.js';

export interface ReportInput extends PlanRunInput {
  workflowId: string;
  /** Params that were given from outside. */
  given: ReadonlySet<string>;
  /** What of its steps the author wrote: `sft.with.lr`. */
  written: ReadonlySet<string>;
  workflowQueue: string;
  trainers: readonly TrainerQueue[];
}

interface Reporting {
  plan: Plan;
  estimates: ReadonlyMap<string, Estimate>;
  written: ReadonlySet<string>;
  offers: Offers;
}

/** The report on a plan. Reads the store, each object once; changes nothing. */
export async function reportOf(input: ReportInput): Promise<PlanReport> {
  const { plan, workflowId, written, workflowQueue, trainers } = input;
  const store = lookOnly(input.store);
  const planned = await planRun({ ...input, store });
  const estimating = { plan, history: openHistory(store, plan.name) };
  const estimates = await estimatesOf(estimating, planned);
  const offers = { workflowQueue, trainers };
  const reporting: Reporting = { plan, estimates, written, offers };
  return {
    format: 1,
    workflowId,
    planHash: planHash(plan),
    params: Object.entries(plan.params).map(([name, value]) => ({ name, value, isDefault: !input.given.has(name) })),
    steps: planned.map((step) => stepOf(reporting, step)),
    queues: queueUses(plan, offers),
    totals: { counts: countsOf(planned), ...totalsOf(planned, estimates) },
    sweep: await sweepOf(estimating, planned),
    plan: { ...plan },
  };
}

function countsOf(planned: readonly PlannedStep[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of planned) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

function stepOf(reporting: Reporting, step: PlannedStep): Step {
  const { plan, estimates, offers } = reporting;
  const { path, node, state, reason, key, checkpointStep, click, max, decidedBy, comparedWith, changes } = step;
  const isStep = node.node === 'step';
  return {
    ...{ path, node: node.node, uses: isStep ? node.uses : null, deps: node.deps, state, reason, key },
    ...{ checkpointStep, click, max, decidedBy, comparedWith, changes },
    inputs: isStep ? inputsOf(reporting, step) : [],
    settings: isStep ? settingsOf(reporting, step.path, node) : [],
    needs: isStep ? needsOf(plan, node) : null,
    queue: isStep ? queueOf(plan, node, offers) : null,
    estimate: estimates.get(path) ?? noRecord,
    steps: step.inner.map((inner) => stepOf(reporting, inner)),
  };
}

const isWritten = ({ written }: Reporting, path: string, key: string): boolean =>
  written.has(`${path.replaceAll(/\[[^\]]*\]/g, '')}.${key}`);

function inputsOf(reporting: Reporting, step: PlannedStep): Input[] {
  return Object.entries(step.inputs).map(([name, evaluated]) => ({
    name,
    value: evaluated.state === 'known' ? (evaluated.value ?? null) : null,
    isKnown: evaluated.state === 'known',
    isDefault: !isWritten(reporting, step.path, `with.${name}`),
  }));
}

function settingsOf(reporting: Reporting, path: string, node: StepNode): Setting[] {
  const { retry, checkpoint, resources } = node;
  const values: [string, unknown][] = [
    ['retry.attempts', retry.attempts],
    ['retry.backoff', retry.backoffMs],
    ['retry.max-backoff', retry.maxBackoffMs],
    ['retry.for', retry.for],
    ['timeout', node.timeoutMs],
    ['deadline', node.deadlineMs],
    ['checkpoint.every', checkpoint.everySteps === null ? checkpoint.everyMs : `${checkpoint.everySteps} steps`],
    ['checkpoint.keep.last', checkpoint.keepLast],
    ['resources.gpus', resources.gpus],
    ['resources.labels', resources.labels],
    ['cache', node.cache],
    ['fail-fast', node.failFast],
  ];
  return values.map(([name, value]) => ({ name, value, isDefault: !isWritten(reporting, path, name) }));
}

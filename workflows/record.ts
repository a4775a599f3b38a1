// The run record, made from the state of the root.
import type { RunInput } from '../activities/calls.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { Failure, RunRecord, StepRecord } from '../schemas/generated/records.js';
import { flatMetrics } from './loop-metrics.js';
import type { InputValue } from '../activities/calls.js';
import type { Run } from './level.js';
import { warningsOf } from './state.js';
import type { FailureView, StepView } from './status.js';

/** What the run gives: outputs and metrics of the plan; empty until it has ended well. */
export interface RunResult {
  outputs: Record<string, InputValue>;
  metrics: Record<string, number | null>;
}

/** The record of the run as it stands. Pure. */
export const recordOf = (
  { state, info, plan }: Pick<Run, 'state' | 'info' | 'plan'>,
  input: RunInput,
  result: RunResult,
): RunRecord => ({
  schema: 1,
  workflowId: info.workflowId,
  runId: info.runId,
  planHash: info.planHash,
  name: info.pipeline,
  state: state.state,
  startedAt: isoTime(state.startedAt),
  endedAt: state.endedAt === null ? null : isoTime(state.endedAt),
  gitCommit: input.gitCommit,
  steps: Object.values(state.steps).map(stepRecord),
  outputs: result.outputs,
  metrics: result.metrics,
  failures: state.failures.flatMap((one) => asFailure(one) ?? []),
  lost: state.ledger.lost,
  mlflow: input.mlflow,
  ...warningsOf(state),
  ...(state.ledger.saved === 0 ? {} : { saved: state.ledger.saved }),
  ...forkedFrom(plan),
});

function forkedFrom({ steps }: Plan): Pick<RunRecord, 'forkedFrom'> {
  for (const [loop, node] of Object.entries(steps)) {
    if (node.node !== 'loop' || node.fork === undefined) continue;
    return { forkedFrom: { run: node.fork.run, loop, iteration: node.fork.iteration } };
  }
  return {};
}

const stepRecord = (step: StepView): StepRecord => ({
  path: step.path,
  kind: step.kind,
  key: step.key,
  state: step.state === 'pending' ? 'waiting' : step.state,
  reason: step.reason,
  startedAt: step.startedAt === null ? null : isoTime(step.startedAt),
  endedAt: step.endedAt === null ? null : isoTime(step.endedAt),
  seconds: step.seconds,
  attempts: step.attempts,
  resumedFrom: step.resumedFrom,
  metrics: flatMetrics(step.metrics),
  failure: step.failure === null ? null : asFailure(step.failure),
  clicks: step.clicks,
});

/** A gate that does not hold is no failure of a class: the state `gate_failed` and the reason of its step say it. */
function asFailure({ path, class: type, message, hint }: FailureView): Failure | null {
  return type === 'gate' ? null : { path, class: type, message, hint };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

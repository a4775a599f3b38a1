// The end of a run: a table of its steps, its failures, outputs and links. Pure.
import { stepKinds } from '../schemas/generated/kinds.js';
import { exitCodes } from './exit-codes.js';
import { lostLine } from './lost-text.js';
import { duration, mainMetrics, shortNumber } from './numbers.js';
import { table } from './table.js';
import type { RunRecord, StepRecord } from '../schemas/generated/records.js';

export interface SummaryParts {
  record: RunRecord;
  temporalPage: string | null;
  mlflowPage: string | null;
  /** Output -> local folder. */
  outputs: Record<string, string>;
}

/** Lines for people. */
export function summaryLines({ record, temporalPage, mlflowPage, outputs }: SummaryParts): string[] {
  const section = (title: string, lines: string[]): string[] =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
  const metrics = Object.entries(record.metrics).map(([name, value]) => `${name}  ${shortNumber(value)}`);
  const links = [
    ...(temporalPage === null ? [] : [`Temporal  ${temporalPage}`]),
    ...(mlflowPage === null ? [] : [`MLflow    ${mlflowPage}`]),
  ];
  const lost = lostLine(record);
  return [
    '',
    ...stepTable(record.steps),
    ...section('Metrics', metrics),
    ...section(
      'Outputs',
      Object.entries(outputs).map(([name, path]) => `${name}  ${path}`),
    ),
    ...section('Warnings', record.warnings ?? []),
    ...section('Failures', failureLines(record)),
    ...section('Look at it', links),
    '',
    headline(record),
    ...(lost === null ? [] : [lost]),
  ];
}

/** `quickstart/4f2a…: done in 3m20s`. */
export function headline(record: RunRecord): string {
  const endedMs = record.endedAt === null ? null : Date.parse(record.endedAt);
  const took = endedMs === null ? '' : ` in ${duration((endedMs - Date.parse(record.startedAt)) / 1000)}`;
  const words = {
    running: 'under way',
    done: `done${took}`,
    failed: `failed${took}`,
    gate_failed: `ended at a gate${took}`,
    cancelled: `cancelled${took}`,
  };
  return `${record.workflowId}: ${words[record.state]}`;
}

/** The exit status that a run ends with. */
export function exitCodeOf(record: Pick<RunRecord, 'state'>): number {
  switch (record.state) {
    case 'done':
    case 'running':
      return exitCodes.ok;
    case 'gate_failed':
      return exitCodes.gate;
    case 'failed':
      return exitCodes.stepFailed;
    case 'cancelled':
      return exitCodes.cancelled;
  }
}

/** The steps of a record, one row each. */
export function stepTable(steps: readonly StepRecord[]): string[] {
  // In the order in which they began; what never did comes last.
  const began = (step: StepRecord): number => (step.startedAt === null ? Infinity : Date.parse(step.startedAt));
  const ordered = [...steps].sort((a, b) => began(a) - began(b) || (a.path < b.path ? -1 : 1));
  const rows = ordered.map((step) => [
    step.path,
    step.state,
    step.state === 'cached' || step.endedAt === null || step.kind === 'matrix' ? '' : duration(step.seconds),
    step.attempts > 1 ? String(step.attempts) : '',
    [
      step.clicks === null ? '' : `${step.clicks} iterations`,
      mainMetrics(asDeclared(step.kind, step.metrics)),
      isPlain(step) ? '' : (step.reason ?? ''),
    ]
      .filter((part) => part !== '')
      .join('  '),
  ]);
  return table([['step', 'state', 'time', 'tries', ''], ...rows], [2, 3]);
}

/** It ended well, and how is no news: of a gate it is who let it pass, of a matrix which cell is the best. */
const isPlain = ({ state, kind }: StepRecord): boolean =>
  (state === 'done' || state === 'cached') && kind !== 'gate' && kind !== 'matrix';

/** The metrics of a step in the order in which its kind declares them: the main ones first. */
function asDeclared(kind: string, metrics: StepRecord['metrics']): StepRecord['metrics'] {
  const order = Object.keys(stepKinds[kind]?.metrics ?? {});
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.fromEntries(Object.entries(metrics).sort(([a], [b]) => place(a) - place(b)));
}

function failureLines(record: RunRecord): string[] {
  const gates = record.steps
    .filter((step) => step.kind === 'gate' && step.state === 'failed')
    .map((step) => `${step.path}: ${step.reason ?? 'does not hold'}`);
  return [
    ...record.failures.flatMap((one) => [`${one.path} [${one.class}]: ${one.message}`, `  ${one.hint}`]),
    ...gates,
  ];
}

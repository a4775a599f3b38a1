// The report of `pawl plan` for people: a row a step, what it needs and takes below. Pure.
import type { PlanReport } from '../schemas/generated/plan-report.js';
import { resourcesInWords } from '../schemas/trainer-offers.js';
import { duration } from './numbers.js';
import { stepRows } from './plan-rows.js';
import type { Painter } from './plan-rows.js';
import { some } from './plan-words.js';
import { wrapped } from './wrap.js';

export interface PlanTextOptions {
  /** Columns. */
  width: number;
  /** Inputs and settings of each step, defaults marked; no rows are put together. */
  verbose: boolean;
  paint: Painter;
}

/** The lines, none wider than `width` but where a single word is. */
export function planText(report: PlanReport, options: PlanTextOptions): string[] {
  const { totals } = report;
  const counts = Object.entries(totals.counts).map(([state, count]) => `${count} ${state}`);
  const params = options.verbose ? paramLines(report) : [];
  return [
    ...params,
    ...stepRows(report, options),
    '',
    ...[...timeNotes(report), ...queueNotes(report), ...sweepNotes(report)].flatMap(([label, text]) =>
      wrapped(text, { width: options.width, first: label.padEnd(8), indent: ' '.repeat(8) }),
    ),
    ...wrapped(`${report.workflowId}: ${counts.join(', ')}`, { width: options.width, first: '', indent: '  ' }),
  ];
}

type Note = [label: string, text: string];

function paramLines({ params }: PlanReport): string[] {
  if (params.length === 0) return [];
  const rows = params.map(
    ({ name, value, isDefault }) => `${name} = ${JSON.stringify(value)}${isDefault ? '  (default)' : ''}`,
  );
  return ['params', ...rows.map((row) => `  ${row}`), ''];
}

function timeNotes({ totals, steps }: PlanReport): Note[] {
  const { criticalPath, sumSeconds, gpuHours, withoutRecord, mayEndEarlier } = totals;
  if (steps.every(({ state }) => state === 'CACHED' || state === 'SKIPPED'))
    return [['time', 'nothing is left to run']];
  const notes: Note[] = [];
  if (sumSeconds > 0) {
    const about = mayEndEarlier ? 'at most' : 'about';
    const whole = `${duration(sumSeconds)} one after the other`;
    notes.push(['time', `${about} ${duration(criticalPath.seconds)} along ${criticalPath.steps.join(', ')}; ${whole}`]);
  }
  if (withoutRecord.length > 0) {
    const besides = notes.length > 0 ? 'without those that have no record yet: ' : 'no record yet of ';
    notes.push([notes.length > 0 ? '' : 'time', `${besides}${some(withoutRecord)}`]);
  }
  if (gpuHours > 0) notes.push(['gpu', `${hours(gpuHours)} GPU hours`]);
  return notes;
}

const queueNotes = ({ queues }: PlanReport): Note[] =>
  queues.map(({ queue, needs, steps }, index) => {
    const words = needs.runs === 'worker' ? 'worker' : `trainer, ${resourcesInWords(needs)}`;
    const served =
      queue === null
        ? `none offers ${words}, needed by ${some(steps)}: change \`resources\`, or add a trainer to temporal.config.ts`
        : `${queue} (${words}): ${some(steps)}`;
    return [index === 0 ? 'queues' : '', served];
  });

function sweepNotes({ sweep }: PlanReport): Note[] {
  if (sweep === null) return [];
  const { method, trials, concurrency, shared, perTrial, steps, saved, savedSeconds, sumSeconds, gpuHours } = sweep;
  const about = sweep.mayEndEarlier ? 'at most' : 'about';
  const time = sumSeconds === null ? '' : `; ${about} ${duration(sumSeconds)} one after the other`;
  const gpu = gpuHours === null || gpuHours === 0 ? '' : `, ${hours(gpuHours)} GPU hours`;
  const size = `${method}, ${trials} trials, ${concurrency} at a time: ${steps} steps${time}${gpu}`;
  if (shared.length === 0) return [['sweep', `${size}; each trial runs all, for every step depends on a swept param`]];
  const savings = `saves ${saved} steps${savedSeconds === null ? '' : `, ${duration(savedSeconds)}`}`;
  return [
    ['sweep', size],
    ['', `once for all trials: ${some(shared)} (${savings})`],
    ['', `in each trial: ${perTrial.length === 0 ? 'nothing else' : some(perTrial)}`],
  ];
}

const hours = (value: number): string => (value < 10 ? value.toFixed(2) : value.toFixed(0));

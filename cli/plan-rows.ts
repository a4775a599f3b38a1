// The steps of a plan report as rows: state, path, kind, time and reason, within the width. Pure.
import type { Input, PlanReport, Step } from '../schemas/generated/plan-report.js';
import { duration } from './numbers.js';
import { estimateInWords, producersOf } from './plan-words.js';
import { wrapped } from './wrap.js';

/** Colours a state, or leaves it. */
export type Painter = (state: Step['state'], text: string) => string;

interface RowOptions {
  width: number;
  verbose: boolean;
  paint: Painter;
}

interface Row {
  state: Step['state'];
  label: string;
  path: string;
  uses: string;
  time: string;
  reason: string;
  /** Verbose lines. */
  below: string[];
}

/** With more steps than this, equal neighbours share a row. */
const manySteps = 30;
const widestPath = 34;
const indent = '  ';

/** Rows for people; the reason stands on the row where it fits, else below it. */
export function stepRows(report: PlanReport, options: RowOptions): string[] {
  const rows = rowsOf(report.steps, 0, { ...options, producers: producersOf(report.steps) });
  const shown = rows.length > manySteps && !options.verbose ? together(rows) : rows;
  const widths = {
    label: Math.max(8, ...shown.map(({ label }) => label.length)),
    path: Math.min(widestPath, Math.max(0, ...shown.map(({ path }) => path.length))),
    uses: Math.max(0, ...shown.map(({ uses }) => uses.length)),
    time: Math.max(0, ...shown.map(({ time }) => time.length)),
  };
  return shown.flatMap((row) => linesOf(row, widths, options));
}

function rowsOf(
  steps: readonly Step[],
  depth: number,
  options: RowOptions & { producers: ReadonlyMap<string, string> },
): Row[] {
  return steps.flatMap((step) => [
    {
      state: step.state,
      label: labelOf(step),
      path: indent.repeat(depth) + step.path,
      uses: step.uses ?? step.node,
      time: timeOf(step),
      reason: shortTimes(step.reason),
      below: options.verbose ? detailsOf(step, options.producers) : [],
    },
    ...rowsOf(step.steps, depth + 1, options),
  ]);
}

/** `RESUME@40`: the step of the checkpoint, or the last committed iteration. */
function labelOf({ state, checkpointStep, click }: Step): string {
  const at = checkpointStep ?? click;
  return state === 'RESUME' && at !== null ? `RESUME@${at}` : state;
}

function timeOf({ state, node, estimate }: Step): string {
  if (state === 'CACHED' || state === 'SKIPPED' || node === 'gate' || node === 'matrix') return '';
  return estimate.seconds === null ? '?' : `~${duration(estimate.seconds).replace(' ', '')}`;
}

/** Minutes are enough for people. */
const shortTimes = (text: string): string => text.replaceAll(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d):[\d.]+Z/g, '$1 $2');

/** Neighbours of the same state and kind become one row. */
function together(rows: readonly Row[]): Row[] {
  const groups: Row[][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    const [first] = group ?? [];
    const isSame = first?.label === row.label && first.uses === row.uses && depthOf(first) === depthOf(row);
    if (group !== undefined && isSame) group.push(row);
    else groups.push([row]);
  }
  return groups.flatMap((group) => {
    const [first, last] = [group[0], group.at(-1)];
    if (first === undefined || last === undefined || group.length < 3) return group;
    const isOneReason = group.every(({ reason }) => reason === first.reason);
    const path = `${first.path} … ${last.path.trim()}`;
    return [{ ...first, path, time: '', reason: `${group.length} steps${isOneReason ? `: ${first.reason}` : ''}` }];
  });
}

const depthOf = ({ path }: Row): number => path.length - path.trimStart().length;

function linesOf(
  row: Row,
  widths: { label: number; path: number; uses: number; time: number },
  { width, paint }: RowOptions,
): string[] {
  const label = row.label.padEnd(widths.label);
  const rest = [row.path.padEnd(widths.path), row.uses.padEnd(widths.uses), row.time.padStart(widths.time)].join('  ');
  const head = `${label}  ${rest}`;
  const painted = `${paint(row.state, label)}  ${rest}`;
  const margin = ' '.repeat(widths.label + 4);
  const below = row.below.flatMap((line) => wrapped(line, { width, first: margin, indent: `${margin}  ` }));
  if (head.length + 2 + row.reason.length <= width) return [`${painted}  ${row.reason}`.trimEnd(), ...below];
  return [painted.trimEnd(), ...wrapped(row.reason, { width, first: margin, indent: margin }), ...below];
}

function detailsOf(step: Step, producers: ReadonlyMap<string, string>): string[] {
  if (step.state === 'SKIPPED') return [];
  const { comparedWith, needs, queue } = step;
  const inputs = step.inputs.map((input) => `${input.name} = ${valueOf(input, producers)}${mark(input.isDefault)}`);
  const settingsWhere = (isDefault: boolean): string =>
    step.settings
      .filter((setting) => setting.isDefault === isDefault)
      .map(({ name, value }) => `${name} ${settingValue(name, value)}`)
      .join(', ');
  const [written, defaults] = [settingsWhere(false), settingsWhere(true)];
  return [
    ...(comparedWith === null ? [] : [`compared with ${comparedWith.path} of ${comparedWith.run}`]),
    ...inputs,
    ...(written === '' ? [] : [`settings: ${written}`]),
    ...(defaults === '' ? [] : [`by default: ${defaults}`]),
    ...(needs === null ? [] : [`queue: ${queue ?? 'none'}`]),
    ...(timeOf(step) === '' ? [] : [`time: ${estimateInWords(step.estimate)}`]),
  ];
}

/** Those in milliseconds read as durations. */
function settingValue(name: string, value: unknown): string {
  if (value === null) return 'none';
  const isDuration = ['retry.backoff', 'retry.max-backoff', 'timeout', 'deadline', 'checkpoint.every'].includes(name);
  if (typeof value === 'number' && isDuration) return duration(value / 1000).replace(' ', '');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

const mark = (isDefault: boolean): string => (isDefault ? '  (default)' : '');

function valueOf({ value, isKnown }: Input, producers: ReadonlyMap<string, string>): string {
  if (!isKnown) return 'not known yet';
  if (typeof value === 'object' && value !== null && '$artifact' in value) {
    const { key, output } = value.$artifact as { key: string; output: string };
    return `${output} of ${producers.get(key) ?? key.slice(0, 12)}`;
  }
  if (typeof value === 'object' && value !== null && '$file' in value) {
    const { path, digest } = value.$file as { path: string; digest: string };
    return `${path} (${digest.slice(0, 19)})`;
  }
  return value === null ? 'none' : JSON.stringify(value);
}

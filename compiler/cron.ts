// Cron expressions as schedules take them: five fields, or a word such as @daily. What is wrong is said with its place.

export interface CronProblem {
  message: string;
  /** Offset and length in the expression. */
  start: number;
  length: number;
  hint: string | null;
}

interface FieldKind {
  name: string;
  min: number;
  max: number;
  names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const fieldKinds: readonly FieldKind[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of the month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: months },
  { name: 'day of the week', min: 0, max: 7, names: days },
];

const words = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];
const order = 'minute, hour, day of the month, month, day of the week: "0 2 * * 1-5"';

/** What is wrong with a cron expression; null when nothing is. Pure. */
export function checkCron(text: string): CronProblem | null {
  const fields = [...text.matchAll(/\S+/g)].map((match) => ({ text: match[0], start: match.index }));
  const first = fields[0];
  const all = { start: 0, length: Math.max(1, text.length) };
  if (first === undefined) return { ...all, message: 'it is empty', hint: order };
  if (first.text.startsWith('@')) {
    if (fields.length === 1 && words.includes(first.text.toLowerCase())) return null;
    return { ...all, message: `there is no \`${text.trim()}\``, hint: `there are ${words.join(', ')}` };
  }
  if (fields.length !== fieldKinds.length) {
    const count = `it has ${fields.length} field${fields.length === 1 ? '' : 's'}, and takes ${fieldKinds.length}`;
    const extra = fields.length === 6 ? '; seconds and years are not known' : '';
    return { ...all, message: `${count}${extra}`, hint: order };
  }
  const values: Set<number>[] = [];
  for (const [index, kind] of fieldKinds.entries()) {
    const field = fields[index] ?? first;
    const read = readField(field.text, kind);
    if ('message' in read) return { ...read, start: field.start + read.start };
    values.push(read.values);
  }
  return checkDates(text, fields, values);
}

type Read = { values: Set<number> } | CronProblem;

/** The values of one field: a list of ranges with steps. */
function readField(text: string, kind: FieldKind): Read {
  const values = new Set<number>();
  let start = 0;
  for (const item of text.split(',')) {
    const read = readItem(item, kind);
    if ('message' in read) return { ...read, start: start + read.start };
    for (const value of read.values) values.add(value);
    start += item.length + 1;
  }
  return { values };
}

function readItem(item: string, kind: FieldKind): Read {
  const problem = (message: string, hint: string | null = null): CronProblem => ({
    message,
    start: 0,
    length: Math.max(1, item.length),
    hint,
  });
  const [range = '', step, ...more] = item.split('/');
  const ends = more.length > 0 ? null : readRange(range, kind);
  if (ends === null) return problem(`\`${more.length > 0 ? item : range}\` is no ${kind.name}`, hintFor(kind));
  if (step !== undefined && !/^[1-9]\d*$/.test(step))
    return problem(`the step \`${step}\` of the ${kind.name} is no count`);
  const { from, to, isSingle } = ends;
  if (to < from) {
    const hint = `write ${from}-${kind.max},${kind.min}-${to}`;
    return problem(`the range \`${range}\` of the ${kind.name} goes backwards`, hint);
  }
  const last = step !== undefined && isSingle ? kind.max : to;
  const values = new Set<number>();
  for (let value = from; value <= last; value += Number(step ?? 1)) values.add(value);
  return { values };
}

/** Both ends of `*`, `5` or `1-5`, within the bounds of the field; null when it is none of these. */
function readRange(range: string, kind: FieldKind): { from: number; to: number; isSingle: boolean } | null {
  if (range === '*') return { from: kind.min, to: kind.max, isSingle: false };
  const values = range.split('-').map((end) => readValue(end, kind));
  const [from, to = from] = values;
  if (values.length > 2 || from == null || to == null) return null;
  const isWithin = [from, to].every((value) => value >= kind.min && value <= kind.max);
  return isWithin ? { from, to, isSingle: values.length === 1 } : null;
}

function readValue(text: string, kind: FieldKind): number | null {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const named = kind.names.indexOf(text.toLowerCase());
  return named === -1 ? null : named + kind.min;
}

const hintFor = ({ names, min, max }: FieldKind): string =>
  `it goes from ${min} to ${max}${names.length === 0 ? '' : `, or ${names[0]} to ${names.at(-1)}`}; write *, 5, 1-5, */10 or 1,3`;

const longestMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** A day that no chosen month has, such as 31 February: the schedule would never start. */
function checkDates(
  text: string,
  fields: { text: string; start: number }[],
  values: Set<number>[],
): CronProblem | null {
  const [, , dates = new Set<number>(), chosen = new Set<number>()] = values;
  const date = fields[2];
  // With a day of the week as well, either of the two is enough.
  if (date === undefined || fields[4]?.text !== '*') return null;
  const earliest = Math.min(...dates);
  if ([...chosen].some((month) => earliest <= (longestMonth[month - 1] ?? 31))) return null;
  const message = `no month of \`${fields[3]?.text ?? text}\` has a day ${earliest}`;
  return { message, start: date.start, length: date.text.length, hint: 'it would never start' };
}

// bad-cron, bad-time-zone, bad-duration: when a schedule starts runs.
import { child, childMap } from '../authored.js';
import type { Authored, Span } from '../authored.js';
import { checkCron } from '../cron.js';
import type { Diagnostic } from '../diagnostics.js';
import { parseDuration } from '../durations.js';
import { showValue } from '../scalar-check.js';
import type { SourceFile } from '../source-file.js';
import { checkTimeZone } from '../time-zone.js';
import type { Rule } from './rule.js';

export const schedule: Rule = ({ pipeline: { file, root } }) => {
  const map = childMap(root, 'schedule');
  return [
    ...cron(file, child(map, 'cron')),
    ...timeZone(file, child(map, 'timezone')),
    ...catchUp(file, child(map, 'catch-up')),
  ];
};

const textOf = (authored: Authored | undefined): string | null =>
  authored?.form === 'scalar' && typeof authored.value === 'string' ? authored.value : null;

function cron(file: SourceFile, authored: Authored | undefined): Diagnostic[] {
  const text = textOf(authored);
  const problem = text === null ? null : checkCron(text);
  if (authored === undefined || text === null || problem === null) return [];
  const { message, hint } = problem;
  return [file.error('bad-cron', within(file, authored.span, text, problem), `\`cron\`: ${message}`, { hint })];
}

/** The place of a part of a text; the whole scalar where YAML has escapes or folds in it. */
function within(file: SourceFile, span: Span, text: string, part: { start: number; length: number }): Span {
  const offset = file.text.slice(span.start, span.end).indexOf(text);
  if (offset === -1 || text === '') return span;
  const start = span.start + offset + part.start;
  return { start, end: start + part.length };
}

function timeZone(file: SourceFile, authored: Authored | undefined): Diagnostic[] {
  const name = textOf(authored);
  const problem = name === null ? null : checkTimeZone(name);
  if (authored === undefined || name === null || problem === null) return [];
  return [file.error('bad-time-zone', authored.span, `there is no time zone ${showValue(name)}`, problem)];
}

function catchUp(file: SourceFile, authored: Authored | undefined): Diagnostic[] {
  const text = textOf(authored);
  if (authored === undefined || text === null || (parseDuration(text) ?? 0) > 0) return [];
  const message = `\`catch-up\` takes a duration, not ${showValue(text)}`;
  return [file.error('bad-duration', authored.span, message, { hint: 'write e.g. 10m or 1h' })];
}

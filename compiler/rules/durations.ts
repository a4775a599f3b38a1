// bad-duration: time-outs, pauses and checkpoint intervals.
import type { Authored } from '../authored.js';
import { child, childMap } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { parseDuration, parseEvery } from '../durations.js';
import { showValue } from '../scalar-check.js';
import type { SourceFile } from '../source-file.js';
import type { Rule } from './rule.js';

export const durations: Rule = ({ pipeline }) => {
  const { file, units, steps } = pipeline;
  const defaults = units.map(({ root }) => childMap(root, 'defaults'));
  const maps: (Authored | undefined)[] = [...defaults, ...steps.map((step) => step.map)];
  return maps.flatMap((map) => [
    ...check(file, child(map, 'timeout'), 'timeout'),
    ...check(file, child(map, 'deadline'), 'deadline'),
    ...check(file, child(childMap(map, 'retry'), 'backoff'), 'backoff'),
    ...check(file, child(childMap(map, 'retry'), 'max-backoff'), 'max-backoff'),
    ...check(file, child(childMap(childMap(map, 'gate'), 'approve'), 'timeout'), 'timeout'),
    ...checkEvery(file, child(childMap(map, 'checkpoint'), 'every')),
  ]);
};

function check(file: SourceFile, authored: Authored | undefined, key: string): Diagnostic[] {
  if (authored?.form !== 'scalar' || typeof authored.value !== 'string') return [];
  const ms = parseDuration(authored.value);
  if (ms !== null && (ms > 0 || key.endsWith('backoff'))) return [];
  const fact = ms === 0 ? 'is zero' : `takes a duration, not ${showValue(authored.value)}`;
  return [file.error('bad-duration', authored.span, `\`${key}\` ${fact}`, { hint: 'write e.g. 90s, 15m or 2h30m' })];
}

function checkEvery(file: SourceFile, authored: Authored | undefined): Diagnostic[] {
  if (authored?.form !== 'scalar' || typeof authored.value !== 'string' || parseEvery(authored.value) !== null)
    return [];
  const message = `\`every\` takes a number of steps or a duration, not ${showValue(authored.value)}`;
  return [file.error('bad-duration', authored.span, message, { hint: 'write e.g. 50 steps or 2m' })];
}

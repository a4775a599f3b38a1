// What reading a test file shares: values with their places out of the authored tree, and what is wrong with them.
import { child, childString } from '../compiler/authored.js';
import type { Authored, AuthoredMap, Span } from '../compiler/authored.js';
import type { Diagnostic } from '../compiler/diagnostics.js';
import { parseDuration } from '../compiler/durations.js';
import type { SourceFile } from '../compiler/source-file.js';
import type { Plan } from '../schemas/generated/plan.js';
import { findTarget, pathProblem } from './paths.js';
import type { Target } from './paths.js';

/** A case while it is read: its file, its plan, and what is found to be wrong. */
export interface Reading {
  file: SourceFile;
  plan: Plan;
  diagnostics: Diagnostic[];
}

/** Keys and values of the map under `name`; none when there is none. Pure. */
export function entriesUnder(map: Authored | undefined, name: string): { name: string; key: Span; value: Authored }[] {
  const found = child(map, name);
  if (found?.form !== 'map') return [];
  return [...found.entries].map(([key, entry]) => ({ name: key, key: entry.key, value: entry.value }));
}

/** The milliseconds of the duration under `name`; null when it is absent, or wrong, which is reported. */
export function durationUnder(reading: Reading, map: AuthoredMap | undefined, name: string): number | null {
  const value = child(map, name);
  return value?.form === 'scalar' && typeof value.value === 'string' ? durationOf(reading, value, name) : null;
}

/** The milliseconds of a duration; null when it is none, which is reported. */
export function durationOf({ file, diagnostics }: Reading, value: Authored, name: string): number | null {
  const text = value.form === 'scalar' && typeof value.value === 'string' ? value.value : '';
  const ms = parseDuration(text);
  if (ms === null) {
    const hint = 'write e.g. 90s, 15m or 2h30m';
    diagnostics.push(file.error('bad-duration', value.span, `\`${name}\` takes a duration, not "${text}"`, { hint }));
  }
  return ms;
}

/** What a path stands for; null when it stands for nothing, which is reported. */
export function targetOf({ file, plan, diagnostics }: Reading, text: string, span: Span): Target | null {
  const target = findTarget(plan.steps, text);
  if (target !== null) return target;
  const { message, hint } = pathProblem(plan.steps, text);
  diagnostics.push(file.error('unknown-reference', span, message, { hint }));
  return null;
}

/** Paths of a list, or of the keys of a map with their values; those that stand for nothing are reported. */
export function targetsUnder(
  reading: Reading,
  map: AuthoredMap | undefined,
  name: string,
): { text: string; span: Span; target: Target; value: Authored | null }[] {
  const found = child(map, name);
  const named =
    found?.form === 'list'
      ? found.items.map((item) => ({ text: textOf(item), span: item.span, value: null }))
      : entriesUnder(map, name).map(({ name: text, key, value }) => ({ text, span: key, value }));
  return named.flatMap(({ text, span, value }) => {
    const target = targetOf(reading, text, span);
    return target === null ? [] : [{ text, span, target, value }];
  });
}

/** The text of a scalar; '' for anything else. Pure. */
export const textOf = (value: Authored | null): string =>
  value?.form === 'scalar' && typeof value.value === 'string' ? value.value : '';

/** The number of a scalar; null for anything else. Pure. */
export const numberOf = (value: Authored | null | undefined): number | null =>
  value?.form === 'scalar' && typeof value.value === 'number' ? value.value : null;

/** Whether the scalar under `name` is `true`. Pure. */
export function flagUnder(map: AuthoredMap | undefined, name: string): boolean | null {
  const value = child(map, name);
  return value?.form === 'scalar' && typeof value.value === 'boolean' ? value.value : null;
}

/** The string under `name`, or `otherwise`. Pure. */
export const textUnder = (map: AuthoredMap | undefined, name: string, otherwise: string): string =>
  childString(map, name) ?? otherwise;

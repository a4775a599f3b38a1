// What the declaration of a param says its values must be, and what is wrong with the declaration itself.
import type { Authored, AuthoredMap } from './authored.js';
import { child, plainValue } from './authored.js';
import type { Diagnostic } from './diagnostics.js';
import { parseDuration } from './durations.js';
import { compilePattern } from './pattern.js';
import { checkScalar, describeType, planScalar, showValue } from './scalar-check.js';
import type { ScalarDeclaration, ScalarType } from './scalar-check.js';
import type { SourceFile } from './source-file.js';

const types: readonly ScalarType[] = ['string', 'number', 'integer', 'boolean', 'duration', 'list'];
const ordered: readonly ScalarType[] = ['number', 'integer', 'duration'];
const itemTypes: readonly ScalarType[] = ['string', 'number', 'integer', 'boolean'];

/** A key of the declaration that is there. */
interface Reading {
  file: SourceFile;
  name: string;
  type: ScalarType;
  map: AuthoredMap;
  diagnostics: Diagnostic[];
}

/** The declaration, without what is wrong in it; null when its type is missing or unknown. Pure. */
export function readDeclaration(
  file: SourceFile,
  name: string,
  map: AuthoredMap,
): { declaration: ScalarDeclaration; diagnostics: Diagnostic[] } | null {
  const written = plainValue(child(map, 'type') ?? nothing);
  const type = types.find((item) => item === written);
  if (type === undefined) return null;
  const reading: Reading = { file, name, type, map, diagnostics: [] };
  const declaration: ScalarDeclaration = {
    type,
    minimum: boundOf(reading, 'min'),
    maximum: boundOf(reading, 'max'),
    pattern: patternOf(reading),
    items: itemsOf(reading),
  };
  checkBounds(reading, declaration);
  checkRequired(reading);
  const choices = choicesOf(reading, declaration);
  if (type === 'list') declaration.items = { ...declaration.items, enum: choices };
  else declaration.enum = choices;
  return { declaration, diagnostics: reading.diagnostics };
}

const nothing: Authored = { form: 'scalar', span: { start: 0, end: 0 }, value: null };

const complain = (
  { file, diagnostics }: Reading,
  code: 'bad-value' | 'bad-duration' | 'wrong-type' | 'out-of-range',
  at: Authored,
  message: string,
  hint: string | null = null,
): void => void diagnostics.push(file.error(code, at.span, message, { hint }));

/** Whether the key fits the type of the param; complains when it does not. */
function fits(reading: Reading, key: string, at: Authored, allowed: readonly ScalarType[]): boolean {
  const { name, type } = reading;
  if (allowed.includes(type)) return true;
  const hint = `\`${key}\` is for params of type ${allowed.join(', ')}`;
  complain(reading, 'bad-value', at, `the param \`${name}\` is ${describeType(type)} and can have no \`${key}\``, hint);
  return false;
}

/** A bound, of a duration in milliseconds. */
function boundOf(reading: Reading, key: 'min' | 'max'): number | undefined {
  const authored = child(reading.map, key);
  if (authored === undefined || !fits(reading, key, authored, ordered)) return undefined;
  const value = plainValue(authored);
  if (reading.type === 'duration') {
    const ms = typeof value === 'string' ? parseDuration(value) : null;
    if (ms !== null) return ms;
    const message = `\`${key}\` of the param \`${reading.name}\` takes a duration, not ${showValue(value)}`;
    complain(reading, 'bad-duration', authored, message, 'write e.g. 90s, 15m or 2h30m');
    return undefined;
  }
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  const message = `\`${key}\` of the param \`${reading.name}\` takes a number, not ${showValue(value)}`;
  complain(reading, 'wrong-type', authored, message);
  return undefined;
}

/** Of bounds that contradict each other the upper one is left out. */
function checkBounds(reading: Reading, declaration: ScalarDeclaration): void {
  const { minimum, maximum } = declaration;
  const max = child(reading.map, 'max');
  if (minimum === undefined || maximum === undefined || max === undefined || minimum <= maximum) return;
  declaration.maximum = undefined;
  complain(reading, 'out-of-range', max, `\`max\` of the param \`${reading.name}\` is less than its \`min\``);
}

function checkRequired(reading: Reading): void {
  const required = child(reading.map, 'required');
  if (required === undefined || plainValue(required) !== true || !reading.map.entries.has('default')) return;
  const hint = 'remove one of them';
  complain(reading, 'bad-value', required, `the param \`${reading.name}\` is required and has a default`, hint);
}

function patternOf(reading: Reading): ScalarDeclaration['pattern'] {
  const authored = child(reading.map, 'pattern');
  if (authored === undefined || !fits(reading, 'pattern', authored, ['string'])) return undefined;
  const source = plainValue(authored);
  if (typeof source !== 'string') return undefined;
  const pattern = compilePattern(source);
  if (typeof pattern !== 'string') return { source, matches: pattern.matches };
  const hint = 'write letters, classes such as [a-z0-9] or \\d, groups, | and * + ? {2,5}';
  complain(reading, 'bad-value', authored, `the pattern of the param \`${reading.name}\` is none: ${pattern}`, hint);
  return undefined;
}

/** A list holds scalars; `items` says which. */
function itemsOf(reading: Reading): ScalarDeclaration['items'] {
  const authored = child(reading.map, 'items');
  const isFitting = authored !== undefined && fits(reading, 'items', authored, ['list']);
  if (reading.type !== 'list') return undefined;
  const written = isFitting ? plainValue(authored) : null;
  return { type: itemTypes.find((item) => item === written) ?? 'scalar' };
}

/** The choices that are right by themselves, as the plan would hold them. */
function choicesOf(reading: Reading, declaration: ScalarDeclaration): unknown[] | undefined {
  const choices = child(reading.map, 'choices');
  if (choices?.form !== 'list') return undefined;
  const good: unknown[] = [];
  for (const [index, choice] of choices.items.entries()) {
    const value = plainValue(choice);
    const label = `choice ${index + 1} of the param \`${reading.name}\``;
    const problem =
      declaration.type === 'list'
        ? checkScalar([value], { type: 'list', items: declaration.items }, label)
        : checkScalar(value, declaration, label);
    if (problem === null) good.push(planScalar(value, declaration.type));
    else
      reading.diagnostics.push(reading.file.error(problem.code, choice.span, problem.message, { hint: problem.hint }));
  }
  return good.length === 0 ? undefined : good;
}

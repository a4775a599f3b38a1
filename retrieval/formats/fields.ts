// Fields of rows of foreign formats, each read with what was expected and where.
import { isObject, readLines, type LinePlace } from '../jsonl.js';
import { dataError } from '../retrieval-error.js';
import type { Place } from '../source.js';

/** A field that must be a string or a whole number, as text: ids are either. Fails with class `data` and the place. Pure. */
export function idField(value: unknown, field: string, at: LinePlace): string {
  const found = fieldOf(value, field, at);
  if ((typeof found === 'string' && found !== '') || Number.isSafeInteger(found)) return String(found);
  throw wrong(field, found, 'a string or a whole number', at);
}

/** A field that must be a string, perhaps an empty one; absent and null are empty where `isOptional`. Pure. */
export function textField(value: unknown, field: string, at: LinePlace, isOptional = false): string {
  const found = fieldOf(value, field, at);
  if (typeof found === 'string') return found;
  if (isOptional && (found === undefined || found === null)) return '';
  throw wrong(field, found, 'a string', at);
}

/** A field that must be a list; each item is read by `item`. Absent is empty where `isOptional`. Pure. */
export function listField<T>(
  value: unknown,
  field: string,
  at: LinePlace,
  { item, isOptional = false }: { item: (value: unknown) => T | null; isOptional?: boolean },
): T[] {
  const found = fieldOf(value, field, at);
  if (isOptional && (found === undefined || found === null)) return [];
  if (!Array.isArray(found)) throw wrong(field, found, 'a list', at);
  return found.map((one: unknown) => {
    const read = item(one);
    if (read === null)
      throw dataError(at.file, at.line, `\`${field}\` holds ${JSON.stringify(one)}; expected ${at.expected}`);
    return read;
  });
}

/** Items of lists. Pure. */
export const asString = (value: unknown): string | null => (typeof value === 'string' ? value : null);
export const asId = (value: unknown): string | null =>
  typeof value === 'string' || Number.isSafeInteger(value) ? String(value) : null;

/** Text that must be a whole number. Pure. */
export function wholeNumber(text: string, what: string, { file, line }: Place): number {
  if (!/^\s*-?\d+\s*$/.test(text))
    throw dataError(file, line, `${what} is ${JSON.stringify(text)}; expected a whole number, 0 for not relevant`);
  return Number(text);
}

/** A whole JSON file. Fails with class `data`, the file and the line at which it stops being JSON. */
export async function readJson(path: string, label: string): Promise<unknown> {
  const lines: string[] = [];
  for await (const { text } of readLines(path, label)) lines.push(text);
  const text = lines.join('\n');
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const position = /position (\d+)/.exec(reason)?.[1];
    const line = position === undefined ? null : text.slice(0, Number(position)).split('\n').length;
    throw dataError(label, line, `this is not JSON (${reason})`);
  }
}

function fieldOf(value: unknown, field: string, at: LinePlace): unknown {
  if (isObject(value)) return value[field];
  throw dataError(at.file, at.line, `this is ${JSON.stringify(value).slice(0, 60)}; expected ${at.expected}`);
}

function wrong(field: string, found: unknown, kind: string, at: LinePlace): Error {
  const what = found === undefined ? 'is missing' : `is ${JSON.stringify(found).slice(0, 60)}, not ${kind}`;
  return dataError(at.file, at.line, `\`${field}\` ${what}; expected ${at.expected}`);
}

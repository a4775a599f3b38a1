// Values as pieces of CEL source.
import type { ScalarType } from './scalar-check.js';

/** A literal. Numbers of a param are doubles, as they are at run time; those of an `integer` or `duration` are whole. Pure. */
export function celLiteral(value: unknown, type: ScalarType | null): string {
  if (typeof value === 'number') {
    const text = type === 'integer' || type === 'duration' ? String(value) : doubleText(value);
    return value < 0 ? `(${text})` : text;
  }
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? celList(value.map((item) => celLiteral(item, null))) : 'null';
}

const doubleText = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);

/** Pure. */
export const celList = (items: string[]): string => `[${items.join(', ')}]`;

/** Text with expressions in it, joined. Pure. */
export const celText = (parts: (string | { source: string })[]): string =>
  parts.map((part) => (typeof part === 'string' ? JSON.stringify(part) : `string(${part.source})`)).join(' + ');

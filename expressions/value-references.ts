// Which references the expressions inside a plan's value make. Pure, loads in Temporal's sandbox.
import { parseExpression } from './parse.js';
import type { Reference } from './parse.js';

/** The references of every expression in a value of a plan (an expression, a template, a list, a map), in order. Pure. */
export function referencesOfValue(value: unknown): Reference[] {
  if (Array.isArray(value)) return value.flatMap(referencesOfValue);
  if (typeof value !== 'object' || value === null || Object.hasOwn(value, '$file')) return [];
  if ('$expr' in value && typeof value.$expr === 'string') return parseExpression(value.$expr).references;
  return Object.values(value).flatMap(referencesOfValue);
}

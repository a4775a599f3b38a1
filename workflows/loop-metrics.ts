// Metrics of an iteration between their two forms: by step and dotted name in a click, as a tree in expressions.
import type { ClickView } from '../activities/calls.js';
import type { MetricTree } from './status.js';

/** A tree as a flat map: those of a nested loop get dotted names. Pure. */
export function flatMetrics(tree: MetricTree): Record<string, number | null> {
  const flat: Record<string, number | null> = {};
  for (const [name, value] of Object.entries(tree)) {
    if (typeof value !== 'object' || value === null) flat[name] = value;
    else for (const [inner, number] of Object.entries(flatMetrics(value))) flat[`${name}.${inner}`] = number;
  }
  return flat;
}

/** The metrics of a click as a tree by step. Pure. */
export function deepMetrics(metrics: ClickView['metrics']): MetricTree {
  const tree: MetricTree = {};
  for (const [step, flat] of Object.entries(metrics)) {
    const values: MetricTree = {};
    tree[step] = values;
    for (const [dotted, value] of Object.entries(flat)) place(values, dotted.split('.'), value);
  }
  return tree;
}

/** A tree by node in which names with dots, of nodes of inlined files, are maps in maps, as expressions read it. Pure. */
export function nestedMetrics(tree: MetricTree): MetricTree {
  const isNested = (name: string): boolean => name.includes('.') && !name.includes('[');
  if (!Object.keys(tree).some(isNested)) return tree;
  const nested: MetricTree = {};
  // The cells of a matrix are read by the name of their step: the dots in their names are those of numbers.
  for (const [name, value] of Object.entries(tree)) place(nested, isNested(name) ? name.split('.') : [name], value);
  return nested;
}

function place(tree: MetricTree, [name, ...rest]: string[], value: MetricTree[string]): void {
  if (name === undefined) return;
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const below = tree[name];
  const branch: MetricTree = typeof below === 'object' && below !== null ? below : {};
  tree[name] = branch;
  place(branch, rest, value);
}

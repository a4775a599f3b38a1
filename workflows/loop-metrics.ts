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

/** A tree by step in which names of nodes with dots are maps in maps, as expressions read it. Pure. */
export function nestedMetrics(tree: MetricTree): MetricTree {
  if (!Object.keys(tree).some((name) => name.includes('.'))) return tree;
  const nested: MetricTree = {};
  for (const [name, value] of Object.entries(tree)) {
    const flat = typeof value === 'object' && value !== null ? flatMetrics(value) : { '': value };
    for (const [dotted, number] of Object.entries(flat)) place(nested, `${name}.${dotted}`.split('.'), number);
  }
  return nested;
}

function place(tree: MetricTree, [name, ...rest]: string[], value: number | null): void {
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

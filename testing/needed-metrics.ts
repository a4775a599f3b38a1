// Which metrics the expressions of a plan need. A metric that is only handed out (a plain reference under the run's
// `metrics`) is not needed: it may be null.
import type { MatrixNode, Node, Plan, Value } from '../schemas/generated/plan.js';
import { parseExpression } from '../expressions/parse.js';
import { referencesOf } from '../workflows/references.js';
import type { Path } from '../workflows/references.js';
import type { Nodes } from './paths.js';

export interface MetricUse {
  /** Path, without iterations, of the step whose expression reads it; `outputs` for the run's outputs and metrics. */
  reader: string;
  /** Path, without iterations, of the step that measures it. */
  step: string;
  metric: string;
}

export interface NeededMetrics {
  has(step: string, metric: string): boolean;
  /** What the expressions of one step, or of `outputs`, need. */
  of(reader: string): MetricUse[];
}

/** The steps seen from one place, innermost first. */
type Levels = { prefix: string; nodes: Nodes }[];

/** The metrics that a plan needs. Pure. */
export function neededMetrics(plan: Plan): NeededMetrics {
  const uses: MetricUse[] = [];
  const root: Levels = [{ prefix: '', nodes: plan.steps }];
  collect(plan.steps, '', root, uses);
  const handedOut = Object.values(plan.metrics).filter((value) => !isPlain(value));
  uses.push(...usesIn([...Object.values(plan.outputs), ...handedOut], 'outputs', root));
  const known = new Set(uses.map(({ step, metric }) => `${step} ${metric}`));
  return {
    has: (step, metric) => known.has(`${step} ${metric}`),
    of: (reader) => uses.filter((use) => use.reader === reader),
  };
}

function isPlain(value: Value): boolean {
  const isExpression = typeof value === 'object' && value !== null && '$expr' in value;
  return isExpression && typeof value.$expr === 'string' && parseExpression(value.$expr).plain;
}

function collect(nodes: Nodes, prefix: string, levels: Levels, uses: MetricUse[]): void {
  for (const [name, node] of Object.entries(nodes)) {
    const reader = `${prefix}${name}`;
    uses.push(...usesIn(valuesOf(node), reader, levels));
    if (node.node === 'matrix' && node.best !== null)
      uses.push(...ofCells(node, prefix, node.best.metric).map((use) => ({ reader, ...use })));
    if (node.node !== 'loop') continue;
    const inner: Levels = [{ prefix: `${reader}.`, nodes: node.steps }, ...levels];
    const inside = [node.until, ...Object.values(node.carry).map(({ next }) => next)];
    uses.push(...usesIn(inside, reader, inner));
    collect(node.steps, `${reader}.`, inner, uses);
  }
}

/** What a node evaluates where it stands. */
function valuesOf(node: Node): (Value | null)[] {
  switch (node.node) {
    case 'step':
      return [node.if, ...Object.values(node.else ?? {}), ...Object.values(node.with)];
    case 'matrix':
      return Object.values(node.else ?? {});
    case 'loop':
      return [
        node.if,
        ...Object.values(node.else ?? {}),
        node.max,
        ...Object.values(node.carry).map(({ init }) => init),
      ];
    case 'gate':
      return [node.if, ...node.assert.map(({ expression }) => expression)];
  }
}

const usesIn = (values: (Value | null)[], reader: string, levels: Levels): MetricUse[] =>
  values.flatMap((value) =>
    referencesOf(value).flatMap((path) =>
      usesOf(path, levels, JSON.stringify(value)).map((use) => ({ reader, ...use })),
    ),
  );

type Use = Omit<MetricUse, 'reader'>;

/**
 * `steps.sft.metrics.loss`, `steps.rl.metrics.update.kl`, `steps.try.best.metrics.loss`: the step and the metric; none for
 * another reference. Of all cells, those metrics whose names are in the expression.
 */
function usesOf([root, name = '', part, ...rest]: Path, levels: Levels, source: string): Use[] {
  const level = levels.find(({ nodes }) => Object.hasOwn(nodes, name));
  if (root !== 'steps' || level === undefined) return [];
  const { prefix, nodes } = level;
  const node = nodes[name];
  if (node?.node === 'matrix') {
    const [inner, metric] = rest;
    if (part === 'best') return inner === 'metrics' && metric !== undefined ? ofCells(node, prefix, metric) : [];
    const words = [...source.matchAll(/\.([a-z][a-z0-9_]*)/g)].map(([, word = '']) => word);
    return part === 'cells' ? [...new Set(words)].flatMap((word) => ofCells(node, prefix, word)) : [];
  }
  return part === 'metrics' && node !== undefined ? below(node, `${prefix}${name}`, rest) : [];
}

const ofCells = (node: MatrixNode, prefix: string, metric: string): Use[] =>
  node.cells.map((cell) => ({ step: `${prefix}${cell.name}`, metric }));

/** Down through loops: `update.kl` of a loop, `kl` of a step. */
function below(node: Node, step: string, [name, ...rest]: string[]): Use[] {
  if (name === undefined) return [];
  if (node.node === 'step') return [{ step, metric: name }];
  if (node.node === 'matrix') return ofCells(node, step.slice(0, step.lastIndexOf('.') + 1), name);
  const inner = node.node === 'loop' ? node.steps[name] : undefined;
  return inner === undefined ? [] : below(inner, `${step}.${name}`, rest);
}

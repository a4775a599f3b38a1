// What the cells of a matrix make together: the list of those that ran, and the best of them. Pure, without Node modules:
// the interpreter collects in Temporal's sandbox, planning from the store.
import type { Cell, MatrixNode, Node } from './generated/plan.js';

/** What a cell that ran is read by. */
export interface CellValue<Output = unknown, Metrics = Record<string, unknown>> {
  outputs: Record<string, Output>;
  metrics: Metrics;
}

export interface Collected<Value extends CellValue> {
  /** Cells that ran, in the plan's order, as `steps.<step>.cells` shows them. */
  cells: (Cell & { metrics: Value['metrics'] })[];
  /** Null when no `best` is named, or no cell has a value for its metric. */
  best: { name: string; value: Value } | null;
}

/**
 * Collects the cells of a node. `valueOf` gives what a cell made, undefined for one that was skipped. The best is the one
 * with the largest or smallest metric; of equals the first by name; one without a finite value never wins. Pure.
 */
export function collectCells<Value extends CellValue>(
  node: Pick<MatrixNode, 'cells' | 'best'>,
  valueOf: (cell: string) => Value | undefined,
): Collected<Value> {
  const ran = node.cells.flatMap((cell) => {
    const value = valueOf(cell.name);
    return value === undefined ? [] : [{ cell, value }];
  });
  const cells = ran.map(({ cell: { name, matrix }, value: { metrics } }) => ({ name, matrix, metrics }));
  if (node.best === null) return { cells, best: null };
  const { metric, goal } = node.best;
  const sign = goal === 'maximize' ? 1 : -1;
  let best: { name: string; value: Value; figure: number } | null = null;
  for (const { cell, value } of [...ran].sort((a, b) => (a.cell.name < b.cell.name ? -1 : 1))) {
    const figure = value.metrics[metric];
    if (typeof figure !== 'number' || !Number.isFinite(figure)) continue;
    if (best === null || sign * figure > sign * best.figure) best = { name: cell.name, value, figure };
  }
  return { cells, best: best === null ? null : { name: best.name, value: best.value } };
}

/** What `until` reads of a fanned-out step, from the metrics that a click holds. */
export interface RecordedMatrix<Metrics> {
  outputs: Record<string, never>;
  metrics: Metrics;
  cells: (Cell & { metrics: Metrics })[];
  best: { outputs: Record<string, never>; metrics: Metrics };
}

/**
 * The fanned-out steps of an iteration by name, from the recorded metrics of its steps: a collector is recorded with those
 * of its best cell. One without a recorded cell is left out. Pure.
 */
export function recordedMatrices<Metrics extends object>(
  nodes: Readonly<Record<string, Node>>,
  metricsOf: (step: string) => Metrics | undefined,
  none: Metrics,
): Record<string, RecordedMatrix<Metrics>> {
  const matrices: Record<string, RecordedMatrix<Metrics>> = {};
  for (const [name, node] of Object.entries(nodes)) {
    if (node.node !== 'matrix') continue;
    const metrics = metricsOf(name);
    const cells = node.cells.flatMap((cell) => {
      const ofCell = metricsOf(cell.name);
      return ofCell === undefined ? [] : [{ ...cell, metrics: ofCell }];
    });
    if (metrics === undefined && cells.length === 0) continue;
    const own = metrics ?? none;
    matrices[name] = { outputs: {}, metrics: own, cells, best: { outputs: {}, metrics: own } };
  }
  return matrices;
}

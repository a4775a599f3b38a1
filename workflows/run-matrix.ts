// The collector of a fanned-out step: its cells have ended, and it reads them. It calls nothing, so it costs no event.
import { collectCells } from '../schemas/collect-cells.js';
import type { MatrixNode } from '../schemas/generated/plan.js';
import { failure } from './failure.js';
import type { Level, Outcome } from './level.js';
import { missingIn, valueOf } from './scope.js';
import type { StepValue } from './scope.js';
import { update } from './state.js';

/** Collects cells none of which failed. Throws class data when a `best` is asked for and no cell has its metric. */
export function runMatrix(level: Level, path: string, node: MatrixNode): Outcome {
  const { scope, run } = level;
  const { cells, best } = collectCells<StepValue>(node, (cell) =>
    scope.skipped[cell] === undefined ? scope.steps[cell] : undefined,
  );
  if (cells.length === 0) return noCell(level, node);
  if (node.best !== null && best === null) {
    const { metric } = node.best;
    throw failure(
      'data',
      `no cell has a value for \`${metric}\`, so none is the best: it was not measured, or is not finite`,
    );
  }
  const metrics = best?.value.metrics ?? {};
  const count =
    cells.length === node.cells.length ? `${cells.length} cells` : `${cells.length} of ${node.cells.length} cells ran`;
  const reason = best === null ? count : `${count}; the best is ${best.name}`;
  const endedAt = run.carried.done[path]?.endedAt ?? run.port.now();
  update(run.state, path, { state: 'done', reason, metrics, startedAt: endedAt, endedAt });
  const chosen = best === null ? {} : { best: { outputs: best.value.outputs, metrics } };
  return { status: 'done', value: { outputs: {}, metrics, cells, ...chosen }, key: null };
}

/** Every cell was skipped: `else` stands in for the best. */
function noCell({ scope }: Level, node: MatrixNode): Outcome {
  const [first] = node.cells;
  const why = first === undefined ? undefined : scope.skipped[first.name];
  const reason = `every cell was skipped${why === undefined ? '' : `: ${why}`}`;
  if (node.else === null || missingIn(node.else, scope) !== null) return { status: 'skipped', reason, outputs: null };
  const outputs = Object.entries(node.else).map(([output, value]) => [output, valueOf(value, scope)] as const);
  return { status: 'skipped', reason, outputs: Object.fromEntries(outputs) };
}

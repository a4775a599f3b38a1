// What collects the cells of a fanned-out step, in the plan.
import type { MatrixNode, Value } from '../schemas/generated/plan.js';
import { childMap, childString } from './authored.js';
import type { Matrix } from './matrix.js';
import type { Step } from './pipeline.js';

/** The collector of a step without errors; `deps` are those of the step, which `otherwise`, its `else`, may read. Pure. */
export function lowerCollector(
  step: Step,
  { cells }: Matrix,
  otherwise: Record<string, Value> | null,
  deps: string[],
): MatrixNode {
  if (cells === null) throw new Error(`Internal error: the matrix of \`${step.name}\` without cells was lowered`);
  const best = childMap(step.map, 'best');
  const metric = childString(best, 'metric');
  const goal = childString(best, 'goal') === 'minimize' ? 'minimize' : 'maximize';
  return {
    node: 'matrix',
    deps: [...cells.map(({ name }) => name), ...(otherwise === null ? [] : deps)].sort(),
    cells,
    best: metric === undefined ? null : { metric, goal },
    else: otherwise,
    summary: `${cells.length} cells${metric === undefined ? '' : `, the best by ${metric}`}`,
  };
}

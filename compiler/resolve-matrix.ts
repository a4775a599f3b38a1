// What `matrix.<axis>` stands for, and what other steps can read of a step with a matrix: its cells and the best of them.
import { childMap, childString } from './authored.js';
import { nearest, suggest } from './did-you-mean.js';
import { axisType } from './matrix.js';
import type { Matrix } from './matrix.js';
import type { Step } from './pipeline.js';
import type { Reference } from '../expressions/parse.js';
import { failed, found } from './resolution.js';
import type { ReferenceProblem, Resolution } from './resolution.js';

type Here = ReferenceProblem['related'];

/** `matrix.<axis>` in a step that has these axes. Pure. */
export function resolveAxis(matrix: Matrix | null, reference: Reference, [name, ...rest]: string[]): Resolution {
  if (matrix === null) {
    const hint = 'other steps read `steps.<step>.cells` and `steps.<step>.best`';
    return failed('out-of-scope', '`matrix` exists only in `with` and `if` of the step that has a `matrix`', hint);
  }
  const names = matrix.axes.map((axis) => axis.name);
  const axis = matrix.axes.find((item) => item.name === name);
  if (axis === undefined || name === undefined) {
    const message = name === undefined ? '`matrix` is not a value' : `the matrix has no axis \`${name}\``;
    const related = [{ message: '`matrix` is here', span: matrix.key }];
    return failed('unknown-reference', message, suggest(name ?? '', names), related);
  }
  if (rest.length > 0)
    return failed('unknown-reference', `\`${reference.text}\` leads below a value`, `the value is \`matrix.${name}\``);
  return found(axisType(axis));
}

/**
 * `steps.<step>.cells` and `steps.<step>.best.outputs.<output>` of a step with a matrix. `below` resolves what stands after
 * `best`, as for a step without a matrix. Pure.
 */
export function resolveCells(
  step: Step,
  reference: Reference,
  [section, ...rest]: string[],
  below: (path: string[]) => Resolution | null,
): Resolution {
  const here: Here = [{ message: `\`${step.name}\` is here`, span: step.key }];
  if (section === 'cells') {
    if (rest.length === 0) return found({ is: 'list', optional: false }, step);
    const hint = `read one with cells[0], or all with \`steps.${step.name}.cells.map(c, c.metrics.…)\``;
    return failed('unknown-reference', `\`${reference.text}\`: \`cells\` is a list`, hint, here);
  }
  if (section === 'best') {
    if (!namesBest(step))
      return failed('unknown-reference', `\`${step.name}\` does not say which cell is the best`, addBest, here);
    const resolution = below(rest);
    if (resolution !== null) return resolution;
    const hint = `write steps.${step.name}.best.outputs.<output> or steps.${step.name}.best.metrics.<metric>`;
    return failed('unknown-reference', `\`${reference.text}\` is not a value`, hint, here);
  }
  if (section === 'outputs' || section === 'metrics') return ofManyCells(step, reference, here);
  const near = section === undefined ? null : nearest(section, ['best', 'cells']);
  const hint =
    near === null ? `write steps.${step.name}.cells or steps.${step.name}.best` : `did you mean \`${near}\`?`;
  return failed('unknown-reference', `\`${reference.text}\` is not a value`, hint, here);
}

/** Whether the step names the metric by which one of its cells is the best. Pure. */
export const namesBest = (step: Step): boolean => childString(childMap(step.map, 'best'), 'metric') !== undefined;

const addBest = 'add e.g. best: { metric: …, goal: maximize } to it';

function ofManyCells(step: Step, reference: Reference, here: Here): Resolution {
  const [section = '', ...rest] = reference.path.slice(2);
  const what = section === 'outputs' ? 'outputs' : 'metrics';
  const best = `\`steps.${step.name}.best.${[section, ...rest].join('.')}\``;
  const cells = what === 'metrics' ? `; \`steps.${step.name}.cells\` lists those of all` : '';
  const hint = `${namesBest(step) ? '' : `${addBest}, and `}read ${best}${cells}`;
  return failed(
    'unknown-reference',
    `\`${step.name}\` has a matrix: each of its cells has ${what} of its own`,
    hint,
    here,
  );
}

// bad-axis, matrix-too-wide, plan-too-large: what a matrix is made of and how much it makes. Also `best`: that it belongs to
// a matrix and names a metric.
import { child, childMap, childString } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import { suggest } from '../did-you-mean.js';
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import { maxCells } from '../matrix.js';
import type { Axis, Matrix } from '../matrix.js';
import type { Pipeline, Step } from '../pipeline.js';
import { namesBest } from '../resolve-matrix.js';
import type { SourceFile } from '../source-file.js';
import type { Rule } from './rule.js';

/** At most so many nodes in a plan: it must travel to a workflow in one piece. */
const maxNodes = 2000;

export const matrix: Rule = (analysis) => [
  ...analysis.pipeline.steps.flatMap((step) => [...ofBest(analysis.pipeline.file, step), ...ofMatrix(analysis, step)]),
  ...tooLarge(analysis.pipeline),
];

function ofMatrix(analysis: Analysis, step: Step): Diagnostic[] {
  const { file } = analysis.pipeline;
  if (step.matrix === null) return [];
  if (step.uses !== null && /^\.\.?\//.test(step.uses.name)) {
    const hint = 'put `matrix` on a step of that file, or write the step out, one by one';
    const message = `\`${step.name}\` is another pipeline, and a matrix fans out a single step`;
    return [file.error('unknown-key', step.matrix.key, message, { hint })];
  }
  const problems = step.matrix.axes.flatMap(({ name, problem }) => {
    if (problem === null) return [];
    const value = problem.value === null ? '' : `value ${problem.value} of `;
    const message = `${value}axis \`${name}\` of \`${step.name}\` ${problem.fact}`;
    return [file.error('bad-axis', problem.span, message, { hint: problem.hint })];
  });
  return [...problems, ...unread(analysis, step, step.matrix), ...tooWide(file, step, step.matrix)];
}

/** An axis that no expression reads: its cells would be the same, under one key. */
function unread({ pipeline, fieldsOf }: Analysis, step: Step, { axes }: Matrix): Diagnostic[] {
  const own = (fieldsOf.get(step) ?? []).filter(({ role }) => role !== 'axis');
  if (own.some(({ parts }) => parts.some(({ part }) => part.parsed === null))) return [];
  return axes
    .filter((axis) => (axis.values?.length ?? 0) > 1 && !own.some((field) => reads(field, axis)))
    .map(({ name, key }) =>
      pipeline.file.error(
        'bad-axis',
        key,
        `no expression of \`${step.name}\` reads \`matrix.${name}\`, so its cells would be the same`,
        { hint: `write "\${{ matrix.${name} }}" under \`with\`, or remove the axis` },
      ),
    );
}

const reads = ({ parts }: AnalysedField, axis: Axis): boolean =>
  parts.some(({ part }) => part.parsed?.references.some(({ path }) => path[0] === 'matrix' && path[1] === axis.name));

function tooWide(file: SourceFile, step: Step, { key, axes, count }: Matrix): Diagnostic[] {
  if (count === null || count <= maxCells) return [];
  const product = axes.map(({ values }) => values?.length ?? 0).join(' × ');
  const message = `the matrix of \`${step.name}\` has ${count} cells (${product}); it can have at most ${maxCells}`;
  const hint = 'take values out, split the step in two, or search such a space with `sweep`';
  return [file.error('matrix-too-wide', key, message, { hint })];
}

function tooLarge({ file, root, steps }: Pipeline): Diagnostic[] {
  const nodes = steps.reduce((sum, step) => sum + nodesOf(step), 0);
  const key = root.entries.get('steps')?.key;
  if (nodes <= maxNodes || key === undefined) return [];
  const widest = steps
    .filter((step) => step.matrix?.cells != null)
    .sort((a, b) => nodesOf(b) - nodesOf(a) || (a.name < b.name ? -1 : 1))
    .slice(0, 3);
  const related = widest.map((step) => ({
    message: `\`${step.name}\` makes ${nodesOf(step)} of them`,
    span: step.key,
  }));
  const message = `the plan would have ${nodes} nodes; at most ${maxNodes} can run`;
  return [file.error('plan-too-large', key, message, { hint: 'split the pipeline into several', related })];
}

/** Its cells and their collector; for any other step itself. */
const nodesOf = ({ matrix: given }: Step): number => (given?.cells == null ? 1 : given.cells.length + 1);

function ofBest(file: SourceFile, step: Step): Diagnostic[] {
  const best = step.form === 'step' ? step.map.entries.get('best') : undefined;
  if (step.matrix === null) {
    if (best === undefined) return [];
    const message = `\`best\` chooses among the cells of a matrix, and \`${step.name}\` has no \`matrix\``;
    return [
      file.error('missing-key', best.key, message, { hint: 'add e.g. matrix: { lr: [1e-3, 3e-3] }, or remove it' }),
    ];
  }
  const metric = childString(childMap(step.map, 'best'), 'metric');
  const at = child(childMap(step.map, 'best'), 'metric');
  if (metric !== undefined && at !== undefined && step.kind !== null && !Object.hasOwn(step.kind.metrics, metric)) {
    const message = `\`${step.name}\` (${step.kind.kind}) has no metric \`${metric}\``;
    const names = Object.keys(step.kind.metrics);
    const hint = suggest(metric.replace(/^.*\./, ''), names) ?? `\`${step.kind.kind}\` measures nothing`;
    return [file.error('unknown-reference', at.span, message, { hint })];
  }
  const otherwise = step.map.entries.get('else');
  if (otherwise === undefined || namesBest(step)) return [];
  const message = `\`else\` stands in for the best cell, and \`${step.name}\` names no \`best\``;
  return [
    file.error('missing-key', otherwise.key, message, { hint: 'add best: { metric: …, goal: … }, or remove `else`' }),
  ];
}

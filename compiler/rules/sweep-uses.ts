// bad-value, wrong-type, out-of-range: values of a sweep that a step could not take; and params that cannot vary from
// trial to trial, because the plan itself is made from them.
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import type { Authored, Span } from '../authored.js';
import { child, plainValue } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Param } from '../params.js';
import type { Pipeline } from '../pipeline.js';
import { constantOf } from '../plan-value.js';
import { checkScalar, planScalar, showValue } from '../scalar-check.js';
import { sweptParams } from '../sweep.js';
import type { SweptParam } from '../sweep.js';
import type { Rule } from './rule.js';

export const sweepUses: Rule = (analysis) => {
  const swept = sweptParams(analysis.pipeline);
  return swept.flatMap((one) => [
    ...fixed(analysis.pipeline, one),
    ...analysis.fields.filter((field) => reads(field, one.name)).flatMap((field) => checkField(analysis, field, one)),
  ]);
};

const reads = (field: AnalysedField, param: string): boolean =>
  field.scope.unit.by === null &&
  field.parts.some(({ resolutions }) =>
    resolutions.some(({ reference: { path } }) => path[0] === 'params' && path[1] === param),
  );

function checkField({ pipeline }: Analysis, field: AnalysedField, { name, key, map, param }: SweptParam): Diagnostic[] {
  const { expect } = field;
  if (expect.is !== 'scalar' || param?.declaration == null) return [];
  const { file } = pipeline;
  const related = [{ message: `${field.label} is here`, span: field.authored.span }];
  if (expect.declaration.type === 'file' || expect.declaration.type === 'folder') {
    const hint = 'files are stored once, before the first trial';
    return [
      file.error('bad-value', key, `\`${name}\` cannot vary: it names a ${expect.declaration.type}`, { hint, related }),
    ];
  }
  const isFitting = (value: unknown): ReturnType<typeof checkScalar> => {
    const params = new Map<string, Param>([...pipeline.params, [name, { ...param, value }]]);
    const constant = constantOf(field, null, params);
    return constant.known && expect.declaration.type !== 'duration'
      ? checkScalar(constant.value, expect.declaration, field.label)
      : null;
  };
  return candidatesOf(map).flatMap(({ authored, span }) => {
    const value = plainValue(authored);
    // What the param itself refuses has been said.
    if (
      checkScalar(value, { ...param.declaration, enum: undefined, type: param.declaration?.type ?? 'string' }, '') !==
      null
    )
      return [];
    const problem = isFitting(planScalar(value, param.type ?? 'string'));
    if (problem === null) return [];
    const message = `with \`${name}\` = ${showValue(value)}, ${problem.message}`;
    return [file.error(problem.code, span, message, { hint: problem.hint, related })];
  });
}

/** The values to try, or the ends of the distribution. */
function candidatesOf(map: SweptParam['map']): { authored: Authored; span: Span }[] {
  const values = child(map, 'values');
  const candidates =
    values?.form === 'list' ? values.items : ['min', 'max'].flatMap((bound) => child(map, bound) ?? []);
  return candidates.map((authored) => ({ authored, span: authored.span }));
}

/** A matrix is laid out when the file is compiled. */
function fixed({ steps, file }: Pipeline, { name, key }: SweptParam): Diagnostic[] {
  return steps.flatMap((step) => {
    const matrix = step.map.entries.get('matrix');
    if (matrix === undefined || !JSON.stringify(plainValue(matrix.value)).includes(`params.${name}`)) return [];
    const related = [{ message: `the matrix of \`${step.name}\` is here`, span: matrix.key }];
    return [file.error('bad-value', key, `\`${name}\` cannot vary: a matrix is made from it`, { related })];
  });
}

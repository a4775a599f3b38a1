// wrong-type, out-of-range, bad-value, bad-duration, unknown-key, expression-type, text-around-expression: places that take a scalar,
// a list or a map. What depends on params only is checked with their values.
import type { ExpressionType } from '../../expressions/check.js';
import type { AnalysedField } from '../analysed-field.js';
import type { Analysis } from '../analysis.js';
import { plainValue } from '../authored.js';
import type { Authored, Span } from '../authored.js';
import type { Diagnostic } from '../diagnostics.js';
import type { Expectation } from '../fields.js';
import { cellsOf, constantOf } from '../plan-value.js';
import { checkScalar, describeType } from '../scalar-check.js';
import type { ScalarProblem, ScalarType } from '../scalar-check.js';
import { describeExpressionType, singleExpression } from '../single-expression.js';
import type { Rule } from './rule.js';

type ScalarExpectation = Extract<Expectation, { is: 'scalar' }>;

export const scalars: Rule = (analysis) =>
  analysis.fields.flatMap((field) => (field.expect.is === 'scalar' ? checkField(analysis, field, field.expect) : []));

function checkField(analysis: Analysis, field: AnalysedField, expect: ScalarExpectation): Diagnostic[] {
  const { file } = analysis.pipeline;
  const { type } = expect.declaration;
  if (field.parts.length === 0) return checkValue(analysis, field, expect, plainValue(field.authored));
  const single = singleExpression(file, field);
  const takesText = type === 'string' || type === 'file' || type === 'folder';
  if (single.form === 'around' && !takesText) return [single.diagnostic];
  const ofParts = isAxis(field)
    ? []
    : single.form === 'expression'
      ? checkType(analysis, field, expect, single.type, single.span)
      : checkPieces(analysis, field);
  if (ofParts.length > 0) return ofParts;
  const constants = cellsOf(field).map((cell) => constantOf(field, cell));
  const ofConstants = constants.flatMap((constant) => {
    if (constant.known) return checkValue(analysis, field, expect, constant.value);
    if (constant.error === null) return [];
    return [file.error('expression-type', field.authored.span, `${field.label}: ${constant.error.message}`)];
  });
  if (ofConstants.length > 0 || constants.some(({ known }) => known)) return ofConstants;
  const shape = plainValue(field.authored);
  const isShaped =
    single.form !== 'literal' ||
    (type === 'list' ? Array.isArray(shape) : type === 'object' && field.authored.form === 'map');
  return isShaped ? [] : checkValue(analysis, field, { ...expect, declaration: { type } }, shape);
}

/** Whether the field is one axis of the matrix: then its values are checked, each as if it were written here. */
const isAxis = ({ parts }: AnalysedField): boolean =>
  parts.length === 1 &&
  parts[0]?.part.parsed?.plain === true &&
  parts[0].resolutions[0]?.reference.path[0] === 'matrix';

function checkValue(
  { pipeline }: Analysis,
  field: AnalysedField,
  expect: ScalarExpectation,
  value: unknown,
): Diagnostic[] {
  const problem =
    expect.declaration.type === 'duration' && typeof value === 'number' && field.parts.length > 0 && !isAxis(field)
      ? null
      : checkScalar(value, expect.declaration, field.label);
  if (problem === null) return [];
  const related = field.parts
    .slice(0, 1)
    .flatMap(({ resolutions }) => resolutions.slice(0, 1))
    .flatMap(({ reference: { path } }) => declarationOf(field, path));
  const span = placeIn(field.authored, problem);
  return [pipeline.file.error(problem.code, span, problem.message, { hint: problem.hint, related })];
}

/** Where in a written map the problem is; the whole value where its entries are not written there. */
function placeIn(authored: Authored, { code, path = [] }: ScalarProblem): Span {
  let place = { key: authored.span, value: authored };
  for (const name of path) {
    const entry = place.value.form === 'map' ? place.value.entries.get(name) : undefined;
    if (entry === undefined) return authored.span;
    place = entry;
  }
  return code === 'unknown-key' ? place.key : place.value.span;
}

/** Where the value comes from: the param or the axis of that name. */
function declarationOf(
  { owner, scope }: AnalysedField,
  [root, name = '']: string[],
): { message: string; span: Span }[] {
  const axis = root === 'matrix' ? owner?.matrix?.axes.find((item) => item.name === name) : undefined;
  if (axis !== undefined) return [{ message: `the axis \`${name}\` is here`, span: axis.key }];
  const param = root === 'params' ? scope.unit.params.get(name) : undefined;
  return param === undefined ? [] : [{ message: `the param \`${name}\` is here`, span: param.key }];
}

const accepted: Record<ScalarType, readonly ExpressionType['is'][]> = {
  string: ['string'],
  file: ['string'],
  folder: ['string'],
  integer: ['integer'],
  number: ['integer', 'number'],
  boolean: ['boolean'],
  duration: ['duration'],
  list: ['list'],
  object: ['map'],
};

function checkType(
  { pipeline }: Analysis,
  field: AnalysedField,
  { declaration, optional }: ScalarExpectation,
  type: ExpressionType | null,
  span: { start: number; end: number },
): Diagnostic[] {
  if (type === null) return [];
  if (type.is !== 'unknown' && !accepted[declaration.type].includes(type.is)) {
    const hint =
      declaration.type === 'integer' && type.is === 'number' ? 'write int(…) around it to cut the fraction off' : null;
    const message = `${field.label} takes ${describeType(declaration.type)}; this is ${describeExpressionType(type)}`;
    return [pipeline.file.error('expression-type', span, message, { hint })];
  }
  if (!type.optional || optional) return [];
  const message = `${field.label} must be there, but the carry is absent at iteration 0`;
  return [pipeline.file.error('may-be-absent', span, message, { hint: 'give the carry an `init`' })];
}

/** Expressions inside text: what cannot be written as text. Pure. */
export function checkPieces({ pipeline }: Analysis, field: AnalysedField): Diagnostic[] {
  const inText = [...field.texts.values()].flatMap((text) => (text.form === 'template' ? text.parts : []));
  return field.parts.flatMap(({ part, type }) => {
    if (type === null || !inText.includes(part)) return [];
    if (['string', 'integer', 'number', 'boolean', 'duration', 'unknown'].includes(type.is) && !type.optional)
      return [];
    const what = type.optional ? 'a value that may be absent' : describeExpressionType(type);
    return [
      pipeline.file.error(
        'expression-type',
        part.span,
        `inside text only a string, number or boolean can stand; this is ${what}`,
      ),
    ];
  });
}

// Metrics that a fake gives: a number, null, an expression over the iteration and the inputs, or a list of those.
import type { AuthoredScalar, Authored, Span } from '../compiler/authored.js';
import { suggest } from '../compiler/did-you-mean.js';
import { describeExpressionType } from '../compiler/single-expression.js';
import { spanIn, readText } from '../compiler/text-value.js';
import type { ExpressionPart } from '../compiler/text-value.js';
import { checkExpression, lowerExpression } from '../expressions/check.js';
import type { ExpressionType } from '../expressions/check.js';
import { evaluateExpression, ExpressionError } from '../expressions/evaluate.js';
import type { Reference } from '../expressions/parse.js';
import type { Plan } from '../schemas/generated/plan.js';
import { declarationOf } from './declaration.js';
import type { Reading } from './reading.js';
import type { Target } from './paths.js';

export type MetricFake =
  | { form: 'value'; value: number | null }
  | { form: 'expression'; source: string; span: Span }
  | { form: 'list'; items: MetricFake[] };

/** A metric of a fake that cannot be computed, with the place of its expression. */
export class MetricError extends Error {
  readonly span: Span;
  constructor(message: string, span: Span) {
    super(message);
    this.name = 'MetricError';
    this.span = span;
  }
}

/** What an expression of a fake sees. */
export interface FakeScope {
  params: Record<string, unknown>;
  inputs: Record<string, unknown>;
  /** Values of a cell on its axes. */
  matrix: Record<string, unknown> | null;
  /** The innermost iteration; null outside loops. */
  iter: { index: number } | null;
}

/** A metric as the file gives it; null when it is wrong, which is reported. */
export function readMetric(reading: Reading, target: Target, name: string, value: Authored): MetricFake | null {
  if (value.form === 'map') return null;
  if (value.form === 'scalar') return readScalar(reading, target, value);
  if (target.names.length < 2) {
    const hint = 'give one number';
    const message = `\`${name}\` is a list, and \`${target.names[0] ?? ''}\` is in no loop`;
    reading.diagnostics.push(reading.file.error('wrong-type', value.span, message, { hint }));
    return null;
  }
  const items = value.items.flatMap((item) => (item.form === 'scalar' ? [readScalar(reading, target, item)] : []));
  const known = items.filter((item) => item !== null);
  return known.length === items.length && known.length > 0 ? { form: 'list', items: known } : null;
}

function readScalar(reading: Reading, target: Target, scalar: AuthoredScalar): MetricFake | null {
  const { file, diagnostics } = reading;
  const { value } = scalar;
  if (typeof value === 'number' || value === null) return { form: 'value', value };
  const text = readText(file.text, scalar);
  if (text.form === 'expression') return readExpression(reading, target, text.part);
  // What is no text at all is reported by the schema.
  if (typeof value !== 'string') return null;
  const hint = 'write a number, null, or one ${{ … }}';
  diagnostics.push(file.error('wrong-type', scalar.span, 'a metric takes a number or one expression', { hint }));
  return null;
}

function readExpression(reading: Reading, target: Target, part: ExpressionPart): MetricFake | null {
  const { file, diagnostics } = reading;
  if (part.parsed === null) {
    diagnostics.push(file.error('expression-syntax', part.span, part.error?.message ?? 'it cannot be read'));
    return null;
  }
  const problems = part.parsed.references.flatMap((reference) => {
    const problem = referenceProblem(reading, target, reference);
    return problem === null
      ? []
      : [file.error('unknown-reference', spanIn(part, reference), problem.message, { hint: problem.hint })];
  });
  diagnostics.push(...problems);
  if (problems.length > 0) return null;
  const typeOf = (reference: Reference): ExpressionType => typeOfReference(reading, reference);
  try {
    const type = checkExpression(part.parsed, typeOf);
    if (type.is === 'number' || type.is === 'integer' || type.is === 'unknown')
      return { form: 'expression', source: lowerExpression(part.parsed, typeOf), span: part.span };
    diagnostics.push(
      file.error('expression-type', part.span, `a metric is a number, and this is ${describeExpressionType(type)}`),
    );
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    diagnostics.push(file.error('expression-type', spanIn(part, error), error.message));
  }
  return null;
}

function referenceProblem(
  { plan }: Reading,
  target: Target,
  { path: [root = '', name, ...rest], text }: Reference,
): { message: string; hint: string | null } | null {
  if (root === 'iter' && name === 'index' && rest.length === 0) {
    const hint = 'it is in no loop';
    return target.names.length > 1 ? null : { message: '`iter.index` has no value here', hint };
  }
  const known = knownUnder(plan, target)[root];
  if (known === undefined || name === undefined) {
    const hint = suggest(text, ['iter.index', 'inputs', 'params', 'matrix']);
    return { message: `there is nothing called \`${text}\``, hint };
  }
  if (known.names.includes(name)) return null;
  return { message: `there is no ${known.what} \`${name}\``, hint: suggest(name, known.names) };
}

/** Names below each root of an expression of a fake. */
function knownUnder(plan: Plan, target: Target): Record<string, { what: string; names: string[] }> {
  const { node, matrix } = target;
  const axes = node.node === 'matrix' ? node.cells[0]?.matrix : matrix;
  return {
    params: { what: 'param', names: Object.keys(plan.params) },
    inputs: { what: 'input', names: Object.keys(declarationOf(plan, target)?.inputs ?? {}) },
    matrix: { what: 'axis', names: Object.keys(axes ?? {}) },
  };
}

function typeOfReference({ plan }: Reading, { path: [root, name = ''] }: Reference): ExpressionType {
  if (root === 'iter') return { is: 'integer', optional: false };
  const value = root === 'params' ? plan.params[name] : undefined;
  const is = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'unknown';
  return { is, optional: false };
}

/** The number that a fake gives in a scope. Throws MetricError. Pure. */
export function metricValue(fake: MetricFake, scope: FakeScope): number | null {
  switch (fake.form) {
    case 'value':
      return fake.value;
    case 'list': {
      const index = Math.min(scope.iter?.index ?? 0, fake.items.length - 1);
      const item = fake.items[index];
      return item === undefined ? null : metricValue(item, scope);
    }
    case 'expression':
      return evaluated(fake, scope);
  }
}

function evaluated({ source, span }: { source: string; span: Span }, scope: FakeScope): number | null {
  const { iter, params, inputs, matrix } = scope;
  try {
    const value = evaluateExpression(source, {
      params,
      inputs,
      matrix: matrix ?? {},
      ...(iter === null ? {} : { iter }),
    });
    if (typeof value === 'number' || value === null) return value;
    throw new MetricError(`\`${source}\`: a metric is a number, and this is ${JSON.stringify(value)}`, span);
  } catch (error) {
    if (error instanceof ExpressionError) throw new MetricError(`\`${source}\`: ${error.message}`, span);
    throw error;
  }
}

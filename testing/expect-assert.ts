// The conditions under `assert`: expressions over the steps, metrics and params of the run that has ended.
import { child } from '../compiler/authored.js';
import type { AuthoredMap, AuthoredScalar } from '../compiler/authored.js';
import { suggest } from '../compiler/did-you-mean.js';
import { describeExpressionType } from '../compiler/single-expression.js';
import { readText, spanIn } from '../compiler/text-value.js';
import type { ExpressionPart } from '../compiler/text-value.js';
import { checkExpression, lowerExpression } from '../expressions/check.js';
import type { ExpressionType } from '../expressions/check.js';
import { evaluateExpression, ExpressionError } from '../expressions/evaluate.js';
import type { Reference } from '../expressions/parse.js';
import type { Plan } from '../schemas/generated/plan.js';
import { declarationOf } from './declaration.js';
import type { Expectation } from './expectation.js';
import type { Observed } from './observed.js';
import { findTarget } from './paths.js';
import type { Target } from './paths.js';
import type { Reading } from './reading.js';

/** The conditions of `expect`; what is wrong is reported. */
export function readAssertions(reading: Reading, expect: AuthoredMap): Expectation[] {
  const list = child(expect, 'assert');
  if (list?.form !== 'list') return [];
  return list.items.flatMap((item) => (item.form === 'scalar' ? readAssertion(reading, item) : []));
}

function readAssertion(reading: Reading, scalar: AuthoredScalar): Expectation[] {
  const { file, diagnostics } = reading;
  const text = readText(file.text, scalar);
  if (text.form !== 'expression') {
    const hint = 'write "${{ … }}" and nothing around it';
    diagnostics.push(file.error('not-boolean', scalar.span, 'a condition is one expression', { hint }));
    return [];
  }
  const { part } = text;
  if (part.parsed === null) {
    diagnostics.push(file.error('expression-syntax', part.span, part.error?.message ?? 'it cannot be read'));
    return [];
  }
  const typeOf = ({ path }: Reference): ExpressionType => resolve(reading.plan, path).type;
  const unknown = part.parsed.references.flatMap((reference) => {
    const { problem } = resolve(reading.plan, reference.path);
    return problem === null
      ? []
      : [file.error('unknown-reference', spanIn(part, reference), problem.message, { hint: problem.hint })];
  });
  diagnostics.push(...unknown);
  if (unknown.length > 0 || !isBoolean(reading, part, typeOf)) return [];
  const source = lowerExpression(part.parsed, typeOf);
  return [{ span: scalar.span, unmet: (observed) => brokenBy(part, source, reading.plan, observed) }];
}

function isBoolean(
  { file, diagnostics }: Reading,
  part: ExpressionPart,
  typeOf: (reference: Reference) => ExpressionType,
): boolean {
  if (part.parsed === null) return false;
  // The types of names with brackets or dots (cells, inlined steps) cannot be declared; the value is looked at in the end.
  if (part.parsed.references.some(({ path }) => path.some((name) => !/^[a-z][a-z0-9_]*$/.test(name)))) return true;
  try {
    const type = checkExpression(part.parsed, typeOf);
    if (type.is === 'boolean' || type.is === 'unknown') return true;
    diagnostics.push(
      file.error('not-boolean', part.span, `a condition is true or false, and this is ${describeExpressionType(type)}`),
    );
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    diagnostics.push(file.error('expression-type', spanIn(part, error), error.message));
  }
  return false;
}

interface Resolved {
  type: ExpressionType;
  problem: { message: string; hint: string | null } | null;
}

const known = (is: 'string' | 'integer' | 'number' | 'unknown'): Resolved => ({
  type: { is, optional: false },
  problem: null,
});

const unknown = (name: string, what: string, names: string[]): Resolved => ({
  type: { is: 'unknown', optional: false },
  problem: { message: `there is no ${what} \`${name}\``, hint: suggest(name, names) },
});

function resolve(plan: Plan, [root = '', name = '', ...rest]: string[]): Resolved {
  switch (root) {
    case 'params':
      return Object.hasOwn(plan.params, name) ? known('unknown') : unknown(name, 'param', Object.keys(plan.params));
    case 'metrics': {
      const names = Object.keys(plan.metrics);
      return names.includes(name) ? known('unknown') : unknown(name, 'metric of the run', names);
    }
    case 'run':
      if (name === 'state') return known('string');
      return name === 'seconds' ? known('number') : unknown(name, 'value of the run', ['state', 'seconds']);
    case 'steps': {
      const target = findTarget(plan.steps, name);
      if (target?.names.length !== 1) return unknown(name, 'step', Object.keys(plan.steps));
      return resolveOfStep(plan, target, rest);
    }
    default:
      return unknown(root, 'value', ['steps', 'metrics', 'params', 'run']);
  }
}

function resolveOfStep(plan: Plan, target: Target, [part = '', ...rest]: string[]): Resolved {
  const { node } = target;
  if (part === 'state') return known('string');
  if (part === 'attempts' && node.node === 'step') return known('integer');
  if (part === 'iterations' && node.node === 'loop') return known('integer');
  if (part === 'metrics') return resolveMetric(plan, target, rest);
  const own = node.node === 'step' ? ['attempts'] : node.node === 'loop' ? ['iterations'] : [];
  return unknown(part, 'such value:', ['state', 'metrics', ...own]);
}

/** Of a fanned-out step the metrics are those of its best cell. */
function resolveMetric(plan: Plan, target: Target, [name = '', ...rest]: string[]): Resolved {
  if (target.node.node === 'loop') {
    const inner = findTarget(target.node.steps, name);
    return inner === null ? unknown(name, 'step', Object.keys(target.node.steps)) : resolveMetric(plan, inner, rest);
  }
  const names = declarationOf(plan, target)?.metrics ?? [];
  return names.includes(name) ? known('unknown') : unknown(name, 'metric', names);
}

function brokenBy(
  { parsed, source: shown }: ExpressionPart,
  source: string,
  plan: Plan,
  observed: Observed,
): string | null {
  const context = contextOf(plan, observed);
  try {
    const value = evaluateExpression(source, context);
    if (value === true) return null;
    if (value !== false) return `\`${shown}\` is ${JSON.stringify(value)}, not true or false`;
  } catch (error) {
    if (error instanceof ExpressionError) return `\`${shown}\`: ${error.message}`;
    throw error;
  }
  const values = (parsed?.references ?? []).map(({ path, text }) => `${text} = ${JSON.stringify(at(context, path))}`);
  return `\`${shown}\` does not hold${values.length === 0 ? '' : ` (${[...new Set(values)].join(', ')})`}`;
}

function contextOf(plan: Plan, { steps, metrics, iterations, state, tookMs }: Observed): Record<string, unknown> {
  const ofSteps = steps
    .filter(({ target }) => target.names.length === 1)
    .map(({ path, view, attempts }): [string, unknown] => [
      path,
      { state: view.state, metrics: view.metrics, attempts, iterations: iterations.get(path) ?? 0 },
    ]);
  return { params: plan.params, metrics, steps: Object.fromEntries(ofSteps), run: { state, seconds: tookMs / 1000 } };
}

function at(context: unknown, path: readonly string[]): unknown {
  let value = context;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return null;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

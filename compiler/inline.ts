// Expressions of inlined files as the plan carries them: params replaced by what is given to them, outputs and metrics
// of a file by what it hands out, steps by their nodes. What cannot be said in the plan is a problem for a rule.
import type { ExpressionType } from '../expressions/check.js';
import { asWhole, lowerExpression } from '../expressions/check.js';
import { ExpressionError } from '../expressions/expression-error.js';
import { parseExpression } from '../expressions/parse.js';
import type { Reference } from '../expressions/parse.js';
import type { Cell, Expression, Value } from '../schemas/generated/plan.js';
import type { AnalysedField } from './analysed-field.js';
import { typeOf } from './analysed-field.js';
import type { Analysis } from './analysis.js';
import type { Span } from './authored.js';
import { celList, celLiteral, celText } from './cel-text.js';
import type { DiagnosticCode } from './diagnostics.js';
import type { Param } from './params.js';
import type { Scope, Step, Unit } from './pipeline.js';
import { visibleStep } from './pipeline.js';
import { isAround, levelAround, levelOf, nodeName, nodesOf } from './plan-names.js';
import { knownLiteral, planValue } from './plan-value.js';
import type { PartWriter } from './plan-value.js';
import { spanIn } from './text-value.js';
import type { ExpressionPart } from './text-value.js';

export interface InlineProblem {
  code: DiagnosticCode;
  span: Span;
  message: string;
  hint: string | null;
}

export interface Inliner {
  /** The value of a field in the plan, in a cell where its step has a matrix. */
  value(field: AnalysedField, cell?: Cell | null): Value;
  /** The source of a field that is one expression. */
  source(field: AnalysedField, cell?: Cell | null): string;
  /** Found so far. */
  problems: InlineProblem[];
}

/** Longest expression that is written out; longer ones come only from params within params. */
const maxLength = 8000;

interface Inlining {
  analysis: Analysis;
  problems: InlineProblem[];
  /** Fields of other files as CEL, by the level that reads them. */
  known: Map<AnalysedField, Map<Scope, string>>;
}

/** A writer of the plan's values. */
export function makeInliner(analysis: Analysis): Inliner {
  const inlining: Inlining = { analysis, problems: [], known: new Map() };
  return {
    value: (field, cell = null) => valueAt(inlining, field, levelOf(field.scope), cell),
    source: (field, cell = null) => {
      const text = field.authored.form === 'scalar' ? field.texts.get(field.authored) : undefined;
      if (text?.form !== 'expression') throw new Error(`Internal error: ${field.label} is no expression`);
      return sourceOf(inlining, { field, part: text.part, level: levelOf(field.scope), cell });
    },
    problems: inlining.problems,
  };
}

/** `level`: whose names the value is evaluated with. */
function valueAt(inlining: Inlining, field: AnalysedField, level: Scope, cell: Cell | null): Value {
  return planValue(field, cell, {
    whole: (part) => {
      const other = part.parsed?.plain === true ? replacementOf(inlining, field, part.parsed.references[0]) : null;
      if (other === null) return { $expr: sourceOf(inlining, { field, part, level, cell }) };
      return 'value' in other ? (other.value as Value) : valueAt(inlining, other.field, level, null);
    },
    piece: (part) => ({ $expr: sourceOf(inlining, { field, part, level, cell }) }),
  });
}

/** What stands for a reference to another file: a value, or a field there. Null: it is none. */
function replacementOf(
  { analysis }: Inlining,
  { scope }: AnalysedField,
  reference: Reference | undefined,
): { value: unknown; param: Param } | { field: AnalysedField; param: Param | null } | null {
  const [root, name = '', section, leaf = ''] = reference?.path ?? [];
  const { by, params } = scope.unit;
  const param = root === 'params' && by !== null ? params.get(name) : undefined;
  if (by !== null && param !== undefined) {
    const given = analysis.given(by, name);
    if (given !== undefined && given.parts.length > 0) return { field: given, param };
    return { value: param.value ?? null, param };
  }
  const step = root === 'steps' ? visibleStep(scope, name) : null;
  const field = step === null ? undefined : exportOf(analysis, step, section, leaf);
  return field === undefined ? null : { field, param: null };
}

function exportOf(
  analysis: Analysis,
  step: Step,
  section: string | undefined,
  name: string,
): AnalysedField | undefined {
  const role = section === 'outputs' ? 'output' : section === 'metrics' ? 'metric' : null;
  return step.included === null || role === null ? undefined : analysis.exported(step.included, role, name);
}

/** An expression of a field, for a level that reads it. */
interface Place {
  field: AnalysedField;
  part: ExpressionPart;
  level: Scope;
  cell: Cell | null;
}

function sourceOf(inlining: Inlining, place: Place): string {
  const { field, part, cell } = place;
  const analysed = field.parts.find((item) => item.part === part);
  const { parsed } = part;
  if (parsed === null || analysed === undefined) return 'null';
  const type = (reference: Reference): ExpressionType => typeOf(analysed, reference);
  const source = lowerExpression(parsed, type, (reference) => {
    const text = rewritten(inlining, { ...place, reference });
    return (
      knownLiteral(field, analysed, reference, cell) ?? (text === null ? null : asWhole(parsed, type(reference), text))
    );
  });
  return source === part.source ? source : checked(inlining, field, part, source);
}

/** With other files' expressions put in, the engine's limits may be passed. */
function checked({ problems }: Inlining, { label }: AnalysedField, part: ExpressionPart, source: string): string {
  const refuse = (why: string): string => {
    const message = `${label} cannot be computed once what other files give is put in: ${why}`;
    const hint = 'let a step of its own compute a part of it, or give the param something simpler';
    problems.push({ code: 'expression-syntax', span: part.span, message, hint });
    return 'null';
  };
  if (source.length > maxLength) return refuse(`it has more than ${maxLength} characters`);
  try {
    parseExpression(source);
    return source;
  } catch (error) {
    if (error instanceof ExpressionError) return refuse(error.message);
    throw error;
  }
}

interface Site extends Place {
  reference: Reference;
}

function rewritten(inlining: Inlining, site: Site): string | null {
  const { field, reference, level } = site;
  const [root, name = ''] = reference.path;
  if (root === 'carry' || root === 'iter') {
    if (levelOf(field.scope) !== level) refuseHidden(inlining, site, `\`${reference.text}\` is another thing there`);
    return null;
  }
  const other = replacementOf(inlining, field, reference);
  if (other !== null) return textOfOther(inlining, other, level);
  const step = root === 'steps' ? visibleStep(field.scope, name) : null;
  return step === null ? null : nodeReference(inlining, site, step);
}

function textOfOther(inlining: Inlining, other: Exclude<ReturnType<typeof replacementOf>, null>, level: Scope): string {
  if ('value' in other) return celLiteral(other.value, other.param.type);
  const text = textOfField(inlining, other.field, level);
  // A whole number for a param that is any number: it divides like one.
  return other.param?.type === 'number' && !isPath(text) && typeOfField(other.field).is !== 'number'
    ? `double(${text})`
    : text;
}

const typeOfField = (field: AnalysedField): ExpressionType =>
  field.parts[0]?.type ?? { is: 'unknown', optional: false };

const isPath = (text: string): boolean => /^[a-z_][\w.]*$/i.test(text);

/** A field of another file as a piece of CEL that can stand anywhere. */
function textOfField(inlining: Inlining, field: AnalysedField, level: Scope): string {
  const known = inlining.known.get(field) ?? new Map<Scope, string>();
  inlining.known.set(field, known);
  const before = known.get(level);
  if (before !== undefined) return before;
  // Files that give to each other in a circle: the rule `cycle` says so.
  known.set(level, 'null');
  const text = celOf(planValue(field, null, writerOf(inlining, field, level)));
  const safe = isPath(text) ? text : `(${text})`;
  known.set(level, safe);
  return safe;
}

function writerOf(inlining: Inlining, field: AnalysedField, level: Scope): PartWriter {
  const write = (part: ExpressionPart): Expression => ({
    $expr: sourceOf(inlining, { field, part, level, cell: null }),
  });
  return { whole: write, piece: write };
}

function celOf(value: Value): string {
  if (Array.isArray(value)) return celList(value.map(celOf));
  if (typeof value !== 'object' || value === null) return celLiteral(value, null);
  if ('$expr' in value && typeof value.$expr === 'string') return value.$expr;
  if ('$template' in value && Array.isArray(value.$template))
    return celText(
      (value.$template as (string | { $expr: string })[]).map((part) =>
        typeof part === 'string' ? part : { source: part.$expr },
      ),
    );
  return 'null';
}

/** A reference to a step of the plan, as the level that reads it says it. */
function nodeReference(inlining: Inlining, site: Site, step: Step): string | null {
  const { reference, level } = site;
  const [, , section, ...below] = reference.path;
  if (section === 'metrics' && step.form === 'loop') {
    const through = metricInLoop(inlining, site, step, below);
    if (through !== null) return through;
  }
  const home = levelOf(step.scope);
  if (!isAround(home, level)) return metricFromOutside(inlining, site, step);
  const name = nodeName(step);
  for (let current: Scope | null = level; current !== null && current !== home; current = levelAround(current)) {
    if (!nodesOf(current).some((node) => nodeName(node) === name)) continue;
    refuseHidden(inlining, site, `there \`${name}\` is a step of the loop`);
  }
  return name === step.name ? null : ['steps', name, ...reference.path.slice(2)].join('.');
}

/** `steps.rl.metrics.x.ndcg`, where `x` inlines a file: what that file hands out, read from outside the loop. */
function metricInLoop(inlining: Inlining, site: Site, loop: Step, [name = '', ...below]: string[]): string | null {
  const step = loop.inner?.steps.get(name);
  if (step === undefined) return null;
  if (step.form === 'loop') return metricInLoop(inlining, site, step, below);
  const field = exportOf(inlining.analysis, step, 'metrics', below[0] ?? '');
  return field === undefined ? null : textOfField(inlining, field, site.level);
}

/** `steps.dev.metrics.ndcg` of a loop's body as the levels around the loop read it: `steps.rl.metrics.dev.ndcg`. */
function metricFromOutside(inlining: Inlining, site: Site, step: Step): string {
  const { field, part, reference, level } = site;
  const [, , section, ...below] = reference.path;
  if (section !== 'metrics') {
    const message = `${field.label} is read from outside the loop, where \`${reference.text}\` is not seen`;
    const hint = 'read a carry of the loop';
    inlining.problems.push({ code: 'out-of-scope', span: spanIn(part, reference), message, hint });
    return 'null';
  }
  const names = [nodeName(step), ...below];
  let home: Scope = levelOf(step.scope);
  while (home.loop !== null && !isAround(home, level)) {
    names.unshift(nodeName(home.loop));
    home = levelOf(home.loop.scope);
  }
  const [loop = '', ...inside] = names;
  return ['steps', loop, 'metrics', ...inside].join('.');
}

/** What is given to a file is read inside one of its loops, where it would mean something else. */
function refuseHidden({ problems }: Inlining, { field, part, reference, level }: Site, because: string): void {
  if (!isAround(levelOf(field.scope), level)) {
    const message = `${field.label} is \`${reference.text}\`, and is read from outside the loop, where that is not seen`;
    problems.push({ code: 'out-of-scope', span: spanIn(part, reference), message, hint: 'read a carry of the loop' });
    return;
  }
  const loop = level.loop?.name ?? '';
  const whose = nameOfFile(level.unit, field.scope.unit);
  const message = `${field.label} is \`${reference.text}\`, which the loop \`${loop}\`${whose} cannot read: ${because}`;
  const hint =
    reference.path[0] === 'steps'
      ? 'give one of the two steps another name'
      : `let the loop \`${loop}\` carry it: init from the param, next from the carry itself`;
  problems.push({ code: 'out-of-scope', span: spanIn(part, reference), message, hint });
}

const nameOfFile = (unit: Unit, from: Unit): string => (unit === from ? '' : ` of \`${unit.path}\``);

// A field as the value that the plan carries; and its value now, where it depends on params only.
import { literal, lowerExpression } from '../expressions/check.js';
import type { ExpressionType } from '../expressions/check.js';
import { evaluateValue } from '../expressions/evaluate.js';
import { ExpressionError } from '../expressions/expression-error.js';
import type { Reference } from '../expressions/parse.js';
import type { Cell, Expression, Value } from '../schemas/generated/plan.js';
import type { AxisValue } from '../schemas/ids.js';
import type { AnalysedField, AnalysedPart } from './analysed-field.js';
import { typeOf } from './analysed-field.js';
import type { Authored } from './authored.js';
import { axisType, combinations } from './matrix.js';
import type { Param } from './params.js';
import type { ExpressionPart } from './text-value.js';

/** How the expressions of a field are written in the plan. */
export interface PartWriter {
  /** A scalar that is one expression. */
  whole(part: ExpressionPart): Value;
  /** One inside text. */
  piece(part: ExpressionPart): Expression;
}

/**
 * The field's value: literals as they are, expressions as {$expr}, text around expressions as {$template}. In a cell of a
 * matrix the values of its axes are written in, so that the cell is the step as one would write it by hand. For fields
 * without errors. Pure, as far as `writer` is; without one, expressions stand as in their file.
 */
export function planValue(
  field: AnalysedField,
  cell: Cell | null = null,
  writer: PartWriter = asWritten(field, cell),
): Value {
  return valueOf(field, field.authored, cell, writer);
}

function asWritten(field: AnalysedField, cell: Cell | null): PartWriter {
  const write = (part: ExpressionPart): Expression => expressionOf(field, part, cell);
  return { whole: write, piece: write };
}

function valueOf(field: AnalysedField, authored: Authored, cell: Cell | null, writer: PartWriter): Value {
  if (authored.form === 'list') return authored.items.map((item) => valueOf(field, item, cell, writer));
  if (authored.form === 'map') {
    const entries = [...authored.entries];
    return Object.fromEntries(entries.map(([name, { value }]) => [name, valueOf(field, value, cell, writer)]));
  }
  const text = field.texts.get(authored);
  if (text === undefined || text.form === 'literal') return authored.value;
  if (text.form === 'expression') return axisValue(text.part, cell) ?? writer.whole(text.part);
  return templateOf(
    text.parts.map((part) => {
      if (typeof part === 'string') return part;
      const value = axisValue(part, cell);
      return value === null ? writer.piece(part) : String(value);
    }),
  );
}

/** Text around expressions; plain text where the cell's values have left none. */
function templateOf(parts: (string | Expression)[]): Value {
  return parts.every((part) => typeof part === 'string') ? parts.join('') : { $template: parts };
}

function expressionOf(field: AnalysedField, part: ExpressionPart, cell: Cell | null): Expression {
  const analysed = field.parts.find((item) => item.part === part);
  if (part.parsed === null || analysed === undefined)
    throw new Error(`Internal error: ${field.label} was lowered with errors`);
  const type = (reference: Reference): ExpressionType => typeOf(analysed, reference);
  return { $expr: lowerExpression(part.parsed, type, (reference) => knownLiteral(field, analysed, reference, cell)) };
}

/** What is written for a reference whose value is known: an axis of the cell, the baseline. Null for any other. Pure. */
export function knownLiteral(
  field: AnalysedField,
  analysed: AnalysedPart,
  reference: Reference,
  cell: Cell | null,
): string | null {
  const value = valueIn(cell, reference);
  return value === null ? constantIn(analysed, reference) : literal(value, typeOfAxis(field, reference));
}

/** What stands in the plan instead of a reference whose value is known; null where it is not. */
function constantIn({ resolutions }: AnalysedPart, reference: Reference): string | null {
  const resolution = resolutions.find((item) => item.reference === reference)?.resolution;
  if (resolution?.ok !== true || resolution.constant === undefined) return null;
  // As an element of a mixed list, for the engine compares neither null nor a number that is written out with the other.
  return resolution.constant === null
    ? '[0.0, null][1]'
    : `[${literal(resolution.constant, resolution.type)}, null][0]`;
}

/** By its values: where a param gives them, they were not known when the expression was typed. */
function typeOfAxis({ owner }: AnalysedField, { path: [, name] }: Reference): ExpressionType {
  const axis = owner?.matrix?.axes.find((item) => item.name === name);
  return axis === undefined ? { is: 'unknown', optional: false } : axisType(axis);
}

/** The value of an expression that is one reference to an axis; null for any other. */
function axisValue({ parsed }: ExpressionPart, cell: Cell | null): AxisValue | null {
  const [reference] = parsed?.references ?? [];
  return parsed?.plain === true && reference !== undefined ? valueIn(cell, reference) : null;
}

const valueIn = (cell: Cell | null, { path: [root, axis = ''] }: Reference): AxisValue | null =>
  cell !== null && root === 'matrix' && Object.hasOwn(cell.matrix, axis) ? (cell.matrix[axis] ?? null) : null;

/**
 * What the axes that the field reads can be, as cells of these axes alone; null: the field has one value for all. None
 * where the values are not known, or too many. Pure.
 */
export function cellsOf({ owner, parts }: AnalysedField): (Cell | null)[] {
  const read = parts.flatMap(({ resolutions }) =>
    resolutions.flatMap(({ reference: { path } }) => (path[0] === 'matrix' ? [path[1]] : [])),
  );
  if (read.length === 0) return [null];
  return combinations(owner?.name ?? '', owner?.matrix?.axes.filter(({ name }) => read.includes(name)) ?? []) ?? [];
}

export type Constant = { known: true; value: unknown } | { known: false; error: ExpressionError | null };

/**
 * The field's value when it reads params only, in a cell also `matrix`, and has no errors. `error`: it does, but cannot be
 * computed. `params`: with other values than those of the file. Pure.
 */
export function constantOf(
  field: AnalysedField,
  cell: Cell | null = null,
  params: ReadonlyMap<string, Param> = field.scope.unit.params,
): Constant {
  const isKnown = field.parts.every(
    ({ type, resolutions }) =>
      type !== null &&
      resolutions.every(
        ({ reference }) =>
          valueIn(cell, reference) !== null ||
          (reference.path[0] === 'params' && params.get(reference.path[1] ?? '')?.value !== undefined),
      ),
  );
  if (!isKnown) return { known: false, error: null };
  const values = Object.fromEntries([...params].map(([name, { value }]) => [name, value]));
  try {
    return { known: true, value: evaluateValue(planValue(field, cell), { params: values }) };
  } catch (error) {
    if (error instanceof ExpressionError) return { known: false, error };
    throw error;
  }
}

// The matrix of a step: its axes with their values, and the cells that they make. Known before anything runs: values are
// literals or come from a param.
import type { ExpressionType } from '../expressions/check.js';
import type { Cell } from '../schemas/generated/plan.js';
import { cellName } from '../schemas/ids.js';
import type { AxisValue } from '../schemas/ids.js';
import { childMap } from './authored.js';
import type { Authored, AuthoredMap, Span } from './authored.js';
import type { Param } from './params.js';
import { describeType, showValue } from './scalar-check.js';
import { readText } from './text-value.js';

/** At most so many cells in one step. */
export const maxCells = 256;
/** At most so many letters in a value of an axis: it is a part of the cell's name. */
export const maxAxisText = 64;

export interface Axis {
  name: string;
  key: Span;
  authored: Authored;
  /** Null when they are not known: then `problem` says why, or another rule does. */
  values: AxisValue[] | null;
  problem: AxisProblem | null;
}

export interface AxisProblem {
  span: Span;
  /** Which of its values, from 1; null: the axis itself. */
  value: number | null;
  /** To be read after the name of the axis or value. */
  fact: string;
  hint: string | null;
}

export interface Matrix {
  key: Span;
  axes: Axis[];
  /** Cells that the axes make; null while the values of an axis are not known. */
  count: number | null;
  /** Null when an axis is wrong, or when there are too many. */
  cells: Cell[] | null;
}

/** The matrix of the step that `map` is; null when it has none. Pure. */
export function readMatrix(name: string, map: AuthoredMap, params: Map<string, Param>, text: string): Matrix | null {
  const entry = map.entries.get('matrix');
  if (entry === undefined) return null;
  const axes = [...(childMap(map, 'matrix')?.entries ?? [])].map(([axis, { key, value }]): Axis => {
    const read = readAxis(value, params, text);
    const problem = read.problem ?? (read.values === null ? null : valueProblem(read.values, value));
    const values = problem === null ? (read.values?.filter(isAxisValue) ?? null) : null;
    return { name: axis, key, authored: value, values, problem };
  });
  return { key: entry.key, axes, count: countOf(axes), cells: combinations(name, axes) };
}

/** The type of `matrix.<axis>`. Pure. */
export function axisType({ values }: Axis): ExpressionType {
  const kinds = new Set((values ?? []).map((value) => (Number.isInteger(value) ? 'integer' : typeof value)));
  const [only] = kinds;
  if (kinds.size === 2 && kinds.has('integer') && kinds.has('number')) return { is: 'number', optional: false };
  const is = (['integer', 'number', 'string', 'boolean'] as const).find((item) => kinds.size === 1 && item === only);
  return { is: is ?? 'unknown', optional: false };
}

interface ReadAxis {
  values: unknown[] | null;
  problem: AxisProblem | null;
}

const example = 'write a list of values, e.g. [1e-3, 3e-3], or ${{ params.<name> }} with a param of type list';

function readAxis(authored: Authored, params: Map<string, Param>, text: string): ReadAxis {
  if (authored.form === 'list') return { values: authored.items.map(itemValue), problem: null };
  const wrong = (fact: string): ReadAxis => ({
    values: null,
    problem: { span: authored.span, value: null, fact, hint: example },
  });
  if (authored.form === 'map') return wrong('takes a list of values, not a map');
  const read = readText(text, authored);
  if (read.form !== 'expression') return wrong(`takes a list of values, not ${showValue(authored.value)}`);
  const { parsed } = read.part;
  const [reference] = parsed?.references ?? [];
  // An expression that does not parse is reported as such.
  if (parsed === null) return { values: null, problem: null };
  if (!parsed.plain || reference?.path[0] !== 'params')
    return wrong('must be known before the run: it can be a list or a param, nothing that is computed');
  const param = params.get(reference.path[1] ?? '');
  if (param === undefined || param.value === undefined) return { values: null, problem: null };
  if (Array.isArray(param.value)) return { values: param.value as unknown[], problem: null };
  return wrong(
    `takes a list, and \`params.${param.name}\` is ${param.type === null ? 'none' : describeType(param.type)}`,
  );
}

const itemValue = (item: Authored): unknown => (item.form === 'scalar' ? item.value : undefined);

/** The first thing that is wrong with the values of an axis. */
function valueProblem(values: unknown[], authored: Authored): AxisProblem | null {
  const spanOf = (index: number): Span =>
    (authored.form === 'list' ? (authored.items[index] ?? authored) : authored).span;
  if (values.length === 0)
    return { span: authored.span, value: null, fact: 'is empty: there would be no cell', hint: example };
  const seen = new Set<unknown>();
  for (const [index, value] of values.entries()) {
    const say = (fact: string, hint: string | null): AxisProblem => ({
      span: spanOf(index),
      value: index + 1,
      fact,
      hint,
    });
    if (!isAxisValue(value)) return say('must be a string, a number, true or false', null);
    if (typeof value === 'string' && value.includes('${{'))
      return say('is an expression', 'use one ${{ params.<name> }} for the whole list');
    if (typeof value === 'string' && value.length > maxAxisText)
      return say(
        `has ${value.length} letters; at most ${maxAxisText} fit`,
        'a value is part of the name of its cell: give it a short name, and let an expression choose by it',
      );
    if (seen.has(value)) return say(`is ${showValue(value)} again`, 'remove one of them');
    seen.add(value);
  }
  return null;
}

const isAxisValue = (value: unknown): value is AxisValue =>
  typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));

/**
 * All combinations of the values of the axes: the axes in the order of their names, the values as they are written, the
 * last axis fastest. Null when values are not known, and for more than a step may have. Pure.
 */
export function combinations(step: string, axes: readonly Axis[]): Cell[] | null {
  const count = countOf(axes);
  if (count === null || count > maxCells) return null;
  const sorted = [...axes].sort((a, b) => (a.name < b.name ? -1 : 1));
  const matrices = sorted.reduce<Record<string, AxisValue>[]>(
    (rows, { name, values }) => rows.flatMap((row) => (values ?? []).map((value) => ({ ...row, [name]: value }))),
    [{}],
  );
  return matrices.map((matrix) => ({ name: cellName(step, matrix), matrix }));
}

const countOf = (axes: readonly Axis[]): number | null =>
  axes.length === 0 || axes.some(({ values }) => values === null)
    ? null
    : axes.reduce((product, { values }) => product * (values?.length ?? 0), 1);

// Fits the map of a correction (row-correction.ts) to rows that were encoded anew: x before, y now, d = y - x, of strength s.
//   ridge       W, b minimise  sum |s (x W + b) - d|² + lambda (|W|² + |b|²):  Z = [s x, s],  [W; b] = (ZᵀZ + lambda I)⁻¹ Zᵀ d
//   orthogonal  Q = I + W, orthogonal, minimises  sum |s x (Q - I) - d|² + lambda |Q - I|²:  Q = polar(sum s xᵀ(s x + d) + lambda I)
// (Hoerl and Kennard, 1970; Schönemann, 1966). Both draw towards "nothing moved", and lambda counts in rows: it weighs as much as so many rows
// that did not move, in every direction.
import { inverseOf } from '../linear/inverse.js';
import { addToDiagonal, product, type Matrix } from '../linear/matrix-product.js';
import { nearestOrthogonal } from '../linear/nearest-orthogonal.js';

export interface MovedRows {
  dimension: number;
  /** Row-major, before and now. */
  old: Float32Array;
  fresh: Float32Array;
  strengths: Float32Array;
}

/** The map, (dimension + 1) x dimension; null where there is none. */
export type FitMap = (moved: MovedRows, lambda: number) => Promise<Float32Array | null>;

export const correctors = { ridge, orthogonal } satisfies Record<string, FitMap>;

export type Corrector = keyof typeof correctors;

async function ridge(moved: MovedRows, lambda: number): Promise<Float32Array | null> {
  const before = scaledRows(moved, 1);
  const steps: Matrix = { rows: before.rows, columns: moved.dimension, values: differences(moved) };
  // The smaller of two systems of equations; they have the same solution.
  const isTall = before.rows > before.columns;
  const gram = await product(before, before, isTall ? 'first' : 'second');
  addToDiagonal(gram, lambda);
  const inverse = inverseOf(gram);
  if (inverse === null) return null;
  const map = isTall
    ? await product(inverse, await product(before, steps, 'first'))
    : await product(before, await product(inverse, steps), 'first');
  return map.values.every(Number.isFinite) ? map.values : null;
}

async function orthogonal(moved: MovedRows, lambda: number): Promise<Float32Array | null> {
  const { dimension } = moved;
  const before = scaledRows(moved, 0);
  const steps = differences(moved);
  const now: Matrix = { ...before, values: before.values.map((x, at) => x + (steps[at] as number)) };
  const both = await product(before, now, 'first');
  addToDiagonal(both, lambda);
  const rotation = await nearestOrthogonal(both);
  if (rotation === null) return null;
  addToDiagonal(rotation, -1);
  const map = new Float32Array((dimension + 1) * dimension);
  map.set(rotation.values);
  return map;
}

/** s x of each row, with `more` columns of s behind it. */
function scaledRows({ dimension, old, strengths }: MovedRows, more: number): Matrix {
  const columns = dimension + more;
  const values = new Float32Array(strengths.length * columns);
  strengths.forEach((s, row) => {
    for (let j = 0; j < dimension; j++) values[row * columns + j] = s * (old[row * dimension + j] as number);
    for (let j = dimension; j < columns; j++) values[row * columns + j] = s;
  });
  return { rows: strengths.length, columns, values };
}

const differences = ({ old, fresh }: MovedRows): Float32Array => fresh.map((y, at) => y - (old[at] as number));

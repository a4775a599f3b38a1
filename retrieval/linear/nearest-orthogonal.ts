// The orthogonal matrix nearest to a given one, its polar factor, by Newton and Schulz: X <- X (3 I - Xᵀ X) / 2 from A / |A|. Products
// only; a small singular value grows by half with each step, and near 1 the error is squared.
import { product, type Matrix } from './matrix-product.js';

const mostSteps = 60;
/** How far XᵀX may be from I, in any place: some roundings of float32. */
const tolerance = 1e-4;

/** The polar factor of a square matrix; null where it has none that can be found: a singular value that is 0, or numbers that are none. */
export async function nearestOrthogonal(matrix: Matrix): Promise<Matrix | null> {
  const { rows: n } = matrix;
  const norm = Math.sqrt(matrix.values.reduce((sum, x) => sum + x * x, 0));
  let found: Matrix = { ...matrix, values: matrix.values.map((x) => x / norm) };
  for (let step = 0; step < mostSteps; step++) {
    const square = await product(found, found, 'first');
    const apart = square.values.reduce((most, x, at) => Math.max(most, Math.abs(x - diagonal(at, n))), 0);
    if (apart < tolerance) return found;
    if (Number.isNaN(apart)) return null;
    square.values.forEach((x, at) => {
      square.values[at] = 1.5 * diagonal(at, n) - 0.5 * x;
    });
    found = await product(found, square);
  }
  return null;
}

/** 1 on the diagonal, 0 elsewhere. */
const diagonal = (at: number, n: number): number => (at % (n + 1) === 0 ? 1 : 0);

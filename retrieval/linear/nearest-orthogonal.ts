// The orthogonal matrix nearest to a given one, its polar factor, by Newton and Schulz: X <- X (3 I - Xᵀ X) / 2 from A / |A|. Products
// only; a small singular value grows by half with each step, and near 1 the error is squared.
import { product, type Matrix } from './matrix-product.js';

const mostSteps = 60;
/** How far XᵀX may be from I, in any place: some roundings of float32. */
const tolerance = 1e-4;

/** The polar factor of a square matrix; null where it has none that can be found: a singular value that is 0, or numbers that are none. */
export async function nearestOrthogonal(matrix: Matrix): Promise<Matrix | null> {
  let norm = 0;
  for (const x of matrix.values) norm += x * x;
  norm = Math.sqrt(norm);
  let found: Matrix = { ...matrix, values: matrix.values.map((x) => x / norm) };
  for (let step = 0; step < mostSteps; step++) {
    const square = await product(found, found, 'first');
    const apart = toNextFactor(square);
    if (apart < tolerance) return found;
    if (Number.isNaN(apart)) return null;
    found = await product(found, square);
  }
  return null;
}

/** XᵀX becomes (3 I - XᵀX) / 2, in place; returns how far it was from I at most, NaN where a number is none. */
function toNextFactor({ rows: n, values }: Matrix): number {
  let most = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const x = values[i * n + j] as number;
      const one = i === j ? 1 : 0;
      most = Math.max(most, Math.abs(x - one));
      values[i * n + j] = 1.5 * one - 0.5 * x;
    }
  }
  return most;
}

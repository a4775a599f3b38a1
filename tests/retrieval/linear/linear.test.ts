// Products, inverses and polar factors, beside what they are by definition.
import { describe, expect, it } from 'vitest';
import { inverseOf } from '../../../retrieval/linear/inverse.js';
import { addToDiagonal, product, type Matrix } from '../../../retrieval/linear/matrix-product.js';
import { nearestOrthogonal } from '../../../retrieval/linear/nearest-orthogonal.js';
import { seededRandom } from '../../../retrieval/random.js';

const random = seededRandom(1, 'matrices');
const matrix = (rows: number, columns: number): Matrix => ({
  ...{ rows, columns },
  values: Float32Array.from({ length: rows * columns }, () => random.bits() / 2 ** 31 - 1),
});
const at = ({ values, columns }: Matrix, i: number, j: number): number => values[i * columns + j] as number;
const identity = (n: number): Matrix => {
  const one: Matrix = { rows: n, columns: n, values: new Float32Array(n * n) };
  addToDiagonal(one, 1);
  return one;
};
const apart = (a: Matrix, b: Matrix): number =>
  Math.max(...a.values.map((x, i) => Math.abs(x - (b.values[i] as number))));

describe('product', () => {
  it('is the sum over the inner side, with either factor transposed', async () => {
    const [a, b] = [matrix(3, 5), matrix(5, 4)];
    const plain = await product(a, b);
    expect([plain.rows, plain.columns]).toEqual([3, 4]);
    const sum = [0, 1, 2, 3, 4].reduce((total, k) => total + at(a, 2, k) * at(b, k, 1), 0);
    expect(at(plain, 2, 1)).toBeCloseTo(sum, 5);
    const turned = (one: Matrix): Matrix => ({
      ...{ rows: one.columns, columns: one.rows },
      values: Float32Array.from(one.values, (_, i) => at(one, i % one.rows, Math.floor(i / one.rows))),
    });
    expect(apart(await product(turned(a), b, 'first'), plain)).toBeLessThan(1e-6);
    expect(apart(await product(a, turned(b), 'second'), plain)).toBeLessThan(1e-6);
  });
});

describe('inverseOf', () => {
  it('is what gives the identity', async () => {
    const rows = matrix(40, 24);
    const gram = await product(rows, rows, 'first');
    addToDiagonal(gram, 0.5);
    expect(apart(await product(gram, inverseOf(gram) as Matrix), identity(24))).toBeLessThan(1e-4);
  });

  it('is not there where the matrix is not positive definite', () => {
    expect(inverseOf({ rows: 2, columns: 2, values: Float32Array.of(1, 2, 2, 1) })).toBeNull();
    expect(inverseOf({ rows: 1, columns: 1, values: Float32Array.of(NaN) })).toBeNull();
  });
});

describe('nearestOrthogonal', () => {
  it('is orthogonal, and the factor of a symmetric positive matrix', async () => {
    const found = (await nearestOrthogonal(matrix(24, 24))) as Matrix;
    expect(apart(await product(found, found, 'first'), identity(24))).toBeLessThan(1e-4);
    // A = Q P with P = BᵀB + I.
    const rows = matrix(24, 24);
    const positive = await product(rows, rows, 'first');
    addToDiagonal(positive, 1);
    expect(apart((await nearestOrthogonal(await product(found, positive))) as Matrix, found)).toBeLessThan(1e-3);
  });

  it('is not there for a matrix without full rank, or of what is no number', async () => {
    expect(await nearestOrthogonal({ rows: 2, columns: 2, values: Float32Array.of(1, 1, 1, 1) })).toBeNull();
    expect(await nearestOrthogonal({ rows: 1, columns: 1, values: Float32Array.of(NaN) })).toBeNull();
  });
});

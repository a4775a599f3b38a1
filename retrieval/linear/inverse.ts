// The inverse of a symmetric positive definite matrix, by Cholesky's factors, in double precision.
import type { Matrix } from './matrix-product.js';

/** The inverse; null where the matrix is not positive definite. Only its lower triangle is read. Pure. */
export function inverseOf({ rows: n, values }: Matrix): Matrix | null {
  const factor = choleskyOf(values, n);
  if (factor === null) return null;
  const inverse = invertLower(factor, n);
  // A = L Lᵀ, so A⁻¹ = L⁻ᵀ L⁻¹.
  const out = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += (inverse[i * n + k] as number) * (inverse[j * n + k] as number);
      out[i * n + j] = sum;
      out[j * n + i] = sum;
    }
  }
  return { rows: n, columns: n, values: out };
}

/** L of A = L Lᵀ, row-major. */
function choleskyOf(values: Float32Array, n: number): Float64Array | null {
  const factor = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = values[i * n + j] as number;
      for (let k = 0; k < j; k++) sum -= (factor[i * n + k] as number) * (factor[j * n + k] as number);
      if (j < i) factor[i * n + j] = sum / (factor[j * n + j] as number);
      else if (sum > 0) factor[i * n + i] = Math.sqrt(sum);
      else return null;
    }
  }
  return factor;
}

/** L⁻¹, transposed: a row of the answer is a column of the inverse, from its diagonal on. */
function invertLower(factor: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  for (let column = 0; column < n; column++) {
    const at = column * n;
    inverse[at + column] = 1 / (factor[column * n + column] as number);
    for (let i = column + 1; i < n; i++) {
      let sum = 0;
      for (let k = column; k < i; k++) sum -= (factor[i * n + k] as number) * (inverse[at + k] as number);
      inverse[at + i] = sum / (factor[i * n + i] as number);
    }
  }
  return inverse;
}

// Moves rows of earlier encoders to where the current one would put them, as far as a linear map knows: what ranks are computed with. What is
// stored stays what encoders made, so that a moved row still counts as stale and the next map is fitted from the truth.
//   x -> (x + s (x W + b)) / |x + s (x W + b)|,   s by the encoder of the row
// A row with s = 0, and one without a direction, stays as it is.

export interface RowCorrection {
  /** W (dimension rows) and b behind it, row-major: (dimension + 1) x dimension numbers. */
  map: Float32Array;
  /** s by encoder id; beyond the end it is 0. */
  strengths: Float32Array;
}

/** One row moved by a map with strength s. Pure. */
export function moveRow(map: Float32Array, s: number, row: Float32Array): Float32Array {
  const dimension = row.length;
  const moved = Float64Array.from(row, (x, j) => x + s * (map[dimension * dimension + j] as number));
  for (let i = 0; i < dimension; i++) {
    const x = s * (row[i] as number);
    const from = i * dimension;
    for (let j = 0; j < dimension; j++) moved[j] = (moved[j] as number) + x * (map[from + j] as number);
  }
  const norm = Math.sqrt(moved.reduce((sum, x) => sum + x * x, 0));
  return row.every((x) => x === 0) ? row : Float32Array.from(moved, (x) => x / norm);
}

/** s of rows by their encoder ids. Pure. */
export const strengthsOf = ({ strengths }: RowCorrection, encoders: Uint16Array): Float32Array =>
  Float32Array.from(encoders, (id) => strengths[id] ?? 0);

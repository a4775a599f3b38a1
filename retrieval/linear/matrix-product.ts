// Products of matrices by onnxruntime, in float32.
import { sessionFor } from '../graph-sessions.js';
import type { Graph } from '../onnx-graph.js';

/** Row-major; the numbers must not lie in shared memory. */
export interface Matrix {
  rows: number;
  columns: number;
  values: Float32Array;
}

/** Which factor is transposed. */
type Transposed = 'none' | 'first' | 'second';

const productGraph = (transposed: Transposed): Graph => ({
  name: `product ${transposed}`,
  inputs: [
    { name: 'a', type: 'float32', dims: ['a_rows', 'a_columns'] },
    { name: 'b', type: 'float32', dims: ['b_rows', 'b_columns'] },
  ],
  nodes: [
    {
      op: 'Gemm',
      inputs: ['a', 'b'],
      outputs: ['product'],
      attributes: { transA: transposed === 'first' ? 1 : 0, transB: transposed === 'second' ? 1 : 0 },
    },
  ],
  outputs: [{ name: 'product', type: 'float32', dims: ['rows', 'columns'] }],
});

/** a b, aᵀ b or a bᵀ. */
export async function product(a: Matrix, b: Matrix, transposed: Transposed = 'none'): Promise<Matrix> {
  const graph = await sessionFor(productGraph(transposed));
  const out = await graph.run({
    a: graph.floats(a.values, [a.rows, a.columns]),
    b: graph.floats(b.values, [b.rows, b.columns]),
  });
  return {
    rows: transposed === 'first' ? a.columns : a.rows,
    columns: transposed === 'second' ? b.rows : b.columns,
    values: out['product']?.data as Float32Array,
  };
}

/** Adds a number to the diagonal, in place. */
export function addToDiagonal({ columns, values }: Matrix, added: number): void {
  for (let at = 0; at < values.length; at += columns + 1) values[at] = (values[at] as number) + added;
}

// The three graphs of the exact index. In each, `queries` is [q, d], `rows` is a block of document vectors [n, d], and
// scores = queries · rowsᵀ by one Gemm.
import type { Graph, GraphNode, GraphValue } from './onnx-graph.js';

const queries: GraphValue = { name: 'queries', type: 'float32', dims: ['q', 'd'] };
const rows: GraphValue = { name: 'rows', type: 'float32', dims: ['n', 'd'] };
const score: GraphNode = { op: 'Gemm', inputs: ['queries', 'rows'], outputs: ['scores'], attributes: { transB: 1 } };

/** All scores, [q, n]. */
export const scoreGraph: Graph = {
  name: 'score',
  inputs: [queries, rows],
  nodes: [score],
  outputs: [{ name: 'scores', type: 'float32', dims: ['q', 'n'] }],
};

/**
 * How many documents of the block score below the query's threshold ([q, 1]), and the same question for single pairs
 * (query, row in the block) ([p, 2]). NaN is below nothing, so what is not below counts ties and NaN.
 */
export const countGraph: Graph = {
  name: 'count',
  inputs: [
    queries,
    rows,
    { name: 'thresholds', type: 'float32', dims: ['q', 1] },
    { name: 'pairs', type: 'int64', dims: ['p', 2] },
  ],
  constants: { documents: [1] },
  nodes: [
    score,
    { op: 'Less', inputs: ['scores', 'thresholds'], outputs: ['is_below'] },
    { op: 'Cast', inputs: ['is_below'], outputs: ['below'], attributes: { to: 6 } },
    { op: 'ReduceSum', inputs: ['below', 'documents'], outputs: ['below_count'], attributes: { keepdims: 0 } },
    { op: 'GatherND', inputs: ['below', 'pairs'], outputs: ['pair_below'] },
  ],
  outputs: [
    { name: 'below_count', type: 'int32', dims: ['q'] },
    { name: 'pair_below', type: 'int32', dims: ['p'] },
  ],
};

/** The `k` ([1]) best documents of the block for each query, best first; equal scores by row. */
export const topGraph: Graph = {
  name: 'top',
  inputs: [queries, rows, { name: 'k', type: 'int64', dims: [1] }],
  nodes: [score, { op: 'TopK', inputs: ['scores', 'k'], outputs: ['values', 'indices'] }],
  outputs: [
    { name: 'values', type: 'float32', dims: ['q', 'k'] },
    { name: 'indices', type: 'int64', dims: ['q', 'k'] },
  ],
};

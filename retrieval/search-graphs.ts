// The graphs of the exact index. In each, `queries` is [q, d], `rows` is a block of document vectors [n, d], float32 or float16, and
// scores = queries · rowsᵀ by one Gemm in float32. What comes out is counts and scores
// of single pairs; only scoreGraph hands over the scores of a block, for passes that look at each. moveGraph makes the rows that are searched.
import { elementTypes, type Graph, type GraphNode, type GraphValue } from './onnx-graph.js';
import type { RowType } from './row-files.js';

const queries: GraphValue = { name: 'queries', type: 'float32', dims: ['q', 'd'] };
const pairs: GraphValue = { name: 'pairs', type: 'int64', dims: ['p', 2] };
const score: GraphNode = { op: 'Gemm', inputs: ['queries', 'numbers'], outputs: ['scores'], attributes: { transB: 1 } };

const rows = (type: RowType): GraphValue => ({ name: 'rows', type, dims: ['n', 'd'] });

/** Rows as float32, which is exact. */
const numbered = (type: RowType): GraphNode =>
  type === 'float32'
    ? { op: 'Identity', inputs: ['rows'], outputs: ['numbers'] }
    : { op: 'Cast', inputs: ['rows'], outputs: ['numbers'], attributes: { to: elementTypes.float32 } };

/** Rows as float32, and the scores of all. */
const scored = (type: RowType): GraphNode[] => [numbered(type), score];

/** bool -> 0 or 1, and its sum over the documents of the block. */
const counted = (truth: string, number: string, sum: string): GraphNode[] => [
  { op: 'Cast', inputs: [truth], outputs: [number], attributes: { to: elementTypes.int32 } },
  { op: 'ReduceSum', inputs: [number, 'documents'], outputs: [sum], attributes: { keepdims: 0 } },
];

/** A kind of graph for rows of either type. */
export type GraphOf = (type: RowType) => Graph;

/** All scores of the block, [q, n]. */
export const scoreGraph: GraphOf = (type) => ({
  name: `score ${type}`,
  inputs: [queries, rows(type)],
  nodes: scored(type),
  outputs: [{ name: 'scores', type: 'float32', dims: ['q', 'n'] }],
});

/**
 * How many documents of the block score below the query's threshold ([q, 1]), and the same question for single pairs
 * (query, row in the block) ([p, 2]). NaN is below nothing, so what is not below counts ties and NaN.
 */
export const countGraph: GraphOf = (type) => ({
  name: `count ${type}`,
  inputs: [queries, rows(type), { name: 'thresholds', type: 'float32', dims: ['q', 1] }, pairs],
  constants: { documents: [1] },
  nodes: [
    ...scored(type),
    { op: 'Less', inputs: ['scores', 'thresholds'], outputs: ['is_below'] },
    ...counted('is_below', 'below', 'below_count'),
    { op: 'GatherND', inputs: ['below', 'pairs'], outputs: ['pair_below'] },
  ],
  outputs: [
    { name: 'below_count', type: 'int32', dims: ['q'] },
    { name: 'pair_below', type: 'int32', dims: ['p'] },
  ],
});

/** Scores of single pairs (query, row in the block) ([p, 2]): the bits that the other graphs compare, for the same queries and block. */
export const pairGraph: GraphOf = (type) => ({
  name: `pairs ${type}`,
  inputs: [queries, rows(type), pairs],
  nodes: [...scored(type), { op: 'GatherND', inputs: ['scores', 'pairs'], outputs: ['pair_scores'] }],
  outputs: [{ name: 'pair_scores', type: 'float32', dims: ['p'] }],
});

/**
 * For judged documents j, each of the query `owner` ([j]), with the score `own` ([j, 1]) and the place `place` ([j, 1]) among all ids:
 * how many documents of the block, whose places are `places` ([1, n]), are ahead of it: a greater score, or the same and a greater place. And the same
 * question for single pairs (judged document, row in the block). NaN is ahead of nothing, and nothing is ahead of it.
 */
export const aheadGraph: GraphOf = (type) => ({
  name: `ahead ${type}`,
  inputs: [
    queries,
    rows(type),
    { name: 'owner', type: 'int64', dims: ['j'] },
    { name: 'own', type: 'float32', dims: ['j', 1] },
    { name: 'place', type: 'int64', dims: ['j', 1] },
    { name: 'places', type: 'int64', dims: [1, 'n'] },
    pairs,
  ],
  constants: { documents: [1] },
  nodes: [
    ...scored(type),
    { op: 'Gather', inputs: ['scores', 'owner'], outputs: ['against'], attributes: { axis: 0 } },
    { op: 'Greater', inputs: ['against', 'own'], outputs: ['is_greater'] },
    { op: 'Equal', inputs: ['against', 'own'], outputs: ['is_equal'] },
    { op: 'Greater', inputs: ['places', 'place'], outputs: ['is_later'] },
    { op: 'And', inputs: ['is_equal', 'is_later'], outputs: ['is_tie_ahead'] },
    { op: 'Or', inputs: ['is_greater', 'is_tie_ahead'], outputs: ['is_ahead'] },
    ...counted('is_ahead', 'ahead', 'ahead_count'),
    { op: 'GatherND', inputs: ['ahead', 'pairs'], outputs: ['pair_ahead'] },
  ],
  outputs: [
    { name: 'ahead_count', type: 'int32', dims: ['j'] },
    { name: 'pair_ahead', type: 'int32', dims: ['p'] },
  ],
});

/** The `k` ([1]) best documents of the block for each query, best first; equal scores by row. */
export const topGraph: GraphOf = (type) => ({
  name: `top ${type}`,
  inputs: [queries, rows(type), { name: 'k', type: 'int64', dims: [1] }],
  nodes: [...scored(type), { op: 'TopK', inputs: ['scores', 'k'], outputs: ['values', 'indices'] }],
  outputs: [
    { name: 'values', type: 'float32', dims: ['q', 'k'] },
    { name: 'indices', type: 'int64', dims: ['q', 'k'] },
  ],
});

/** Rows moved by a correction (row-correction.ts), of their own type: `matrix` is [d, d], `shift` [1, d], `strengths` [n, 1]. */
export const moveGraph: GraphOf = (type) => ({
  name: `move ${type}`,
  inputs: [
    rows(type),
    { name: 'matrix', type: 'float32', dims: ['d', 'd'] },
    { name: 'shift', type: 'float32', dims: [1, 'd'] },
    { name: 'strengths', type: 'float32', dims: ['n', 1] },
  ],
  constants: { numbers_of_a_row: [1] },
  nodes: [
    numbered(type),
    { op: 'Gemm', inputs: ['numbers', 'matrix', 'shift'], outputs: ['step'] },
    { op: 'Mul', inputs: ['step', 'strengths'], outputs: ['own_step'] },
    { op: 'Add', inputs: ['numbers', 'own_step'], outputs: ['sum'] },
    ...normOf('sum', 'norm'),
    { op: 'Div', inputs: ['sum', 'norm'], outputs: ['unit'] },
    ...normOf('numbers', 'length'),
    { op: 'Mul', inputs: ['length', 'strengths'], outputs: ['weight'] },
    { op: 'Cast', inputs: ['weight'], outputs: ['is_moved'], attributes: { to: elementTypes.bool } },
    { op: 'Where', inputs: ['is_moved', 'unit', 'numbers'], outputs: ['found'] },
    { op: 'Cast', inputs: ['found'], outputs: ['moved'], attributes: { to: elementTypes[type] } },
  ],
  outputs: [{ name: 'moved', type, dims: ['n', 'd'] }],
});

/** Euclidean length of each row, [n, 1]. */
const normOf = (of: string, norm: string): GraphNode[] => [
  { op: 'Mul', inputs: [of, of], outputs: [`${norm}_squares`] },
  {
    op: 'ReduceSum',
    inputs: [`${norm}_squares`, 'numbers_of_a_row'],
    outputs: [`${norm}_square`],
    attributes: { keepdims: 1 },
  },
  { op: 'Sqrt', inputs: [`${norm}_square`], outputs: [norm] },
];

// Searches in the exact index, on onnxruntime. Each blocks its thread while a Gemm runs, so the product calls them in
// worker threads (thread-pool.ts). Work is cut into fixed chunks of queries and blocks of rows: the same input gives the same bits.
import type { LoadedGraph } from './onnx-runtime.js';
import { loadGraph } from './onnx-runtime.js';
import type { Graph } from './onnx-graph.js';
import { countGraph, scoreGraph, topGraph } from './search-graphs.js';
import type { VectorIndex } from './vector-index.js';

const chunkQueries = 128;
const blockFloats = 2 ** 22;

/** Query vectors, row-major, of the index's dimension. */
export interface SearchInput {
  index: VectorIndex;
  queries: Float32Array;
}

export interface CountInput extends SearchInput {
  /** Per query: what a document must score below in order not to count. */
  thresholds: Float32Array;
  /** Per query: different rows that never count. */
  excluded: readonly ArrayLike<number>[];
}

export interface TopInput extends SearchInput {
  k: number;
}

export interface TopOutput {
  /** Best first, queries x k; k is at most the rows of the index. */
  rows: Int32Array;
  scores: Float32Array;
  k: number;
}

/** Per query: the number of documents, the excluded ones left out, whose score is not below the threshold; NaN counts. */
export async function countNotBelow({ index, queries, thresholds, excluded }: CountInput): Promise<Int32Array> {
  const graph = await graphOf(countGraph);
  const counts = new Int32Array(queries.length / index.dimension);
  for (const chunk of chunks(queries, index.dimension)) {
    const q = graph.floats(chunk.vectors, [chunk.count, index.dimension]);
    const t = graph.floats(thresholds.slice(chunk.first, chunk.first + chunk.count), [chunk.count, 1]);
    for (const block of blocks(index)) {
      const pairs = pairsIn(block, excluded.slice(chunk.first, chunk.first + chunk.count));
      const out = await graph.run({
        queries: q,
        rows: graph.floats(block.vectors, [block.rows, index.dimension]),
        thresholds: t,
        // One pair at least: the extra one is not read.
        pairs: graph.integers(BigInt64Array.from([...pairs, 0, 0], BigInt), [pairs.length / 2 + 1, 2]),
      });
      const own = counts.subarray(chunk.first, chunk.first + chunk.count);
      addBlock(own, { rows: block.rows, pairs, below: out['below_count']?.data, pairBelow: out['pair_below']?.data });
    }
  }
  return counts;
}

function addBlock(
  counts: Int32Array,
  block: { rows: number; pairs: number[]; below: unknown; pairBelow: unknown },
): void {
  const { rows, pairs, below, pairBelow } = block;
  if (!(below instanceof Int32Array && pairBelow instanceof Int32Array))
    throw new Error('Internal error: output of the count graph');
  below.forEach((count, query) => {
    counts[query] = (counts[query] as number) + rows - count;
  });
  for (let p = 0; p < pairs.length / 2; p++) {
    const query = pairs[2 * p] as number;
    if (pairBelow[p] === 0) counts[query] = (counts[query] as number) - 1;
  }
}

/** (query in the chunk, row in the block) of the excluded rows that lie in the block, flat. */
function pairsIn(block: Block, excluded: readonly ArrayLike<number>[]): number[] {
  const pairs: number[] = [];
  excluded.forEach((rows, query) => {
    for (let i = 0; i < rows.length; i++) {
      const row = (rows[i] as number) - block.first;
      if (row >= 0 && row < block.rows) pairs.push(query, row);
    }
  });
  return pairs;
}

/** The k best documents of each query. Equal scores by row, ascending. */
export async function topRows({ index, queries, k: asked }: TopInput): Promise<TopOutput> {
  const graph = await graphOf(topGraph);
  const k = Math.min(asked, index.rows);
  const total = queries.length / index.dimension;
  const best: TopOutput = { rows: new Int32Array(total * k), scores: new Float32Array(total * k), k };
  for (const chunk of chunks(queries, index.dimension)) {
    const q = graph.floats(chunk.vectors, [chunk.count, index.dimension]);
    const found: { row: number; score: number }[][] = Array.from({ length: chunk.count }, () => []);
    for (const block of blocks(index)) {
      const inBlock = Math.min(k, block.rows);
      const rows = graph.floats(block.vectors, [block.rows, index.dimension]);
      const out = await graph.run({ queries: q, rows, k: graph.integers(BigInt64Array.of(BigInt(inBlock)), [1]) });
      const values = out['values']?.data as Float32Array;
      const indices = out['indices']?.data as BigInt64Array;
      found.forEach((list, i) => {
        for (let j = i * inBlock; j < (i + 1) * inBlock; j++)
          list.push({ row: block.first + Number(indices[j]), score: values[j] as number });
      });
    }
    found.forEach((list, i) => {
      list.sort((a, b) => b.score - a.score || a.row - b.row);
      list.slice(0, k).forEach((hit, j) => {
        best.rows[(chunk.first + i) * k + j] = hit.row;
        best.scores[(chunk.first + i) * k + j] = hit.score;
      });
    });
  }
  return best;
}

/** Hands over the scores of all documents, a chunk of queries and a block of rows at a time, blocks in order of rows within a chunk. */
export async function eachScoreBlock(
  { index, queries }: SearchInput,
  take: (part: { firstQuery: number; queries: number; firstRow: number; rows: number; scores: Float32Array }) => void,
): Promise<void> {
  const graph = await graphOf(scoreGraph);
  for (const chunk of chunks(queries, index.dimension)) {
    const q = graph.floats(chunk.vectors, [chunk.count, index.dimension]);
    for (const block of blocks(index)) {
      const out = await graph.run({ queries: q, rows: graph.floats(block.vectors, [block.rows, index.dimension]) });
      const scores = out['scores']?.data as Float32Array;
      take({ firstQuery: chunk.first, queries: chunk.count, firstRow: block.first, rows: block.rows, scores });
    }
  }
}

interface Block {
  first: number;
  rows: number;
  /** A copy outside shared memory, which onnxruntime does not take. */
  vectors: Float32Array;
}

function* blocks(index: VectorIndex): Generator<Block> {
  const most = Math.max(1, Math.floor(blockFloats / index.dimension));
  for (const shard of index.shards) {
    for (let at = 0; at < shard.rows; at += most) {
      const rows = Math.min(most, shard.rows - at);
      const vectors = new Float32Array(rows * index.dimension);
      vectors.set(shard.vectors.subarray(at * index.dimension, (at + rows) * index.dimension));
      yield { first: shard.first + at, rows, vectors };
    }
  }
}

function* chunks(
  queries: Float32Array,
  dimension: number,
): Generator<{ first: number; count: number; vectors: Float32Array }> {
  const total = queries.length / dimension;
  for (let first = 0; first < total; first += chunkQueries) {
    const count = Math.min(chunkQueries, total - first);
    const vectors = new Float32Array(count * dimension);
    vectors.set(queries.subarray(first * dimension, (first + count) * dimension));
    yield { first, count, vectors };
  }
}

const sessions = new Map<string, Promise<LoadedGraph>>();

/** One session a graph and thread. A failure to load is not kept. */
function graphOf(graph: Graph): Promise<LoadedGraph> {
  const known = sessions.get(graph.name);
  if (known !== undefined) return known;
  const loading = loadGraph(graph);
  sessions.set(graph.name, loading);
  loading.catch(() => sessions.delete(graph.name));
  return loading;
}

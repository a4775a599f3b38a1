// Searches in the exact index, on onnxruntime. Each blocks its thread while a Gemm runs, so the product calls them in worker threads
// (thread-pool.ts). Each block of rows is read once and all queries go through it (search-blocks.ts): memory is bounded by a block.
import type { InferenceSession } from 'onnxruntime-node';
import { blocks, chunksOf, graphFor, pairTensor, pairsIn } from './search-blocks.js';
import { countGraph, topGraph } from './search-graphs.js';
import type { Share } from './share.js';
import type { VectorIndex } from './vector-index.js';

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
  /** Which share of the blocks of the index is searched; all of it without. */
  share?: Share;
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

/**
 * Per query: the number of documents, the excluded ones left out, whose score is not below the threshold; NaN counts. A sum: the counts
 * of shares of an index, each searched with the same thresholds, add up exactly to those of the whole, wherever they are computed.
 */
export async function countNotBelow({ index, queries, thresholds, excluded, share }: CountInput): Promise<Int32Array> {
  const graph = await graphFor(countGraph, index);
  const counts = new Int32Array(queries.length / index.dimension);
  const chunks = chunksOf(queries, index.dimension).map(({ first, count, vectors }) => ({
    own: counts.subarray(first, first + count),
    excluded: excluded.slice(first, first + count),
    queries: graph.floats(vectors, [count, index.dimension]),
    thresholds: graph.floats(thresholds.slice(first, first + count), [count, 1]),
  }));
  for await (const block of blocks(index, share)) {
    const rows = graph.rows(block.vectors, [block.rows, index.dimension]);
    for (const chunk of chunks) {
      const pairs = pairsIn(block, chunk.excluded);
      const out = await graph.run({
        ...{ queries: chunk.queries, thresholds: chunk.thresholds },
        ...{ rows, pairs: pairTensor(graph, pairs) },
      });
      addBlock(chunk.own, {
        rows: block.rows,
        pairs,
        below: integers(out, 'below_count'),
        pairBelow: integers(out, 'pair_below'),
      });
    }
  }
  return counts;
}

function addBlock(
  counts: Int32Array,
  block: { rows: number; pairs: number[]; below: Int32Array; pairBelow: Int32Array },
): void {
  const { rows, pairs, below, pairBelow } = block;
  below.forEach((count, query) => {
    counts[query] = (counts[query] as number) + rows - count;
  });
  for (let p = 0; p < pairs.length / 2; p++) {
    const query = pairs[2 * p] as number;
    if (pairBelow[p] === 0) counts[query] = (counts[query] as number) - 1;
  }
}

interface Hit {
  row: number;
  score: number;
}

/** The k best documents of each query. Equal scores by row, ascending. */
export async function topRows({ index, queries, k: asked }: TopInput): Promise<TopOutput> {
  const graph = await graphFor(topGraph, index);
  const k = Math.min(asked, index.rows);
  const total = queries.length / index.dimension;
  const found: Hit[][] = Array.from({ length: total }, () => []);
  const chunks = chunksOf(queries, index.dimension);
  for await (const block of blocks(index)) {
    const inBlock = Math.min(k, block.rows);
    const rows = graph.rows(block.vectors, [block.rows, index.dimension]);
    for (const { first, count, vectors } of chunks) {
      const out = await graph.run({
        queries: graph.floats(vectors, [count, index.dimension]),
        ...{ rows, k: graph.integers(BigInt64Array.of(BigInt(inBlock)), [1]) },
      });
      for (let i = 0; i < count; i++)
        found[first + i] = best(found[first + i] ?? [], hitsOf(out, block.first, i, inBlock), k);
    }
  }
  const hits = found.flat();
  return { rows: Int32Array.from(hits, ({ row }) => row), scores: Float32Array.from(hits, ({ score }) => score), k };
}

function hitsOf(out: InferenceSession.OnnxValueMapType, first: number, query: number, k: number): Hit[] {
  const values = out['values']?.data as Float32Array;
  const indices = out['indices']?.data as BigInt64Array;
  return Array.from({ length: k }, (_, j) => ({
    row: first + Number(indices[query * k + j]),
    score: values[query * k + j] as number,
  }));
}

/** The k best of both lists; NaN behind every number. Pure. */
const best = (a: Hit[], b: Hit[], k: number): Hit[] =>
  [...a, ...b].sort((x, y) => Number(isAfter(x, y)) - Number(isAfter(y, x)) || x.row - y.row).slice(0, k);

const isAfter = (a: Hit, b: Hit): boolean => a.score < b.score || (Number.isNaN(a.score) && !Number.isNaN(b.score));

/** An output of 32-bit integers. */
export function integers(out: InferenceSession.OnnxValueMapType, name: string): Int32Array {
  const data = out[name]?.data;
  if (data instanceof Int32Array) return data;
  throw new Error(`Internal error: the search has no output ${name}`);
}

// How searches cut their work: blocks of document rows, each read once, and queries that go through a block together. The cuts are
// fixed, so the same input gives the same bits; where shards end at the end of a block, they are those of the index in one shard.
import { sessionFor } from './graph-sessions.js';
import type { LoadedGraph } from './onnx-runtime.js';
import { strengthsOf } from './row-correction.js';
import type { RowArray } from './row-files.js';
import { moveGraph, type GraphOf } from './search-graphs.js';
import { shareOf, type Share } from './share.js';
import { copyStretch, planShards, type Shard, type VectorIndex } from './vector-index.js';

/** Queries that go through a block together. */
export const chunkQueries = 128;
const blockNumbers = 2 ** 22;

export interface Block {
  first: number;
  rows: number;
  /** A copy outside shared memory, which onnxruntime does not take. */
  vectors: RowArray;
}

/** Rows of a block: as many as 16 MiB of float32 hold. Pure. */
export const blockRows = (dimension: number): number => Math.max(1, Math.floor(blockNumbers / dimension));

/**
 * The rows of the index in order, or those of one share of its blocks. One block is in memory at a time, where the caller keeps none.
 */
export async function* blocks(index: VectorIndex, share: Share = { shard: 1, shards: 1 }): AsyncGenerator<Block> {
  const most = blockRows(index.dimension);
  const all = index.shards.flatMap((shard) =>
    planShards(shard.rows, most).map(({ first: at, rows }) => ({ shard, at, rows })),
  );
  for (const { shard, at, rows } of shareOf(all, share))
    yield { first: shard.first + at, rows, vectors: await servedStretch(index, shard, at, rows) };
}

/** Rows as they are searched: as stored, or moved by the correction of the index. */
async function servedStretch(index: VectorIndex, shard: Shard, at: number, rows: number): Promise<RowArray> {
  const { dimension, correction } = index;
  const stored = await copyStretch(index, shard, at, rows);
  const strengths = correction && strengthsOf(correction, shard.encoders.subarray(at, at + rows));
  if (correction === undefined || strengths?.some((s) => s !== 0) !== true) return stored;
  const graph = await graphFor(moveGraph, index);
  const size = dimension * dimension;
  const out = await graph.run({
    rows: graph.rows(stored, [rows, dimension]),
    matrix: graph.floats(correction.map.slice(0, size), [dimension, dimension]),
    shift: graph.floats(correction.map.slice(size), [1, dimension]),
    strengths: graph.floats(strengths, [rows, 1]),
  });
  return out['moved']?.data as RowArray;
}

/** Queries first..first+count-1 as a copy of their vectors. Pure. */
export interface Chunk {
  first: number;
  count: number;
  vectors: Float32Array;
}

/** All queries, `chunkQueries` at a time. Pure. */
export function chunksOf(queries: Float32Array, dimension: number): Chunk[] {
  const total = queries.length / dimension;
  const chunks: Chunk[] = [];
  for (let first = 0; first < total; first += chunkQueries) {
    const count = Math.min(chunkQueries, total - first);
    chunks.push({ first, count, vectors: queries.slice(first * dimension, (first + count) * dimension) });
  }
  return chunks;
}

/** The session of a graph for the rows of the index. */
export const graphFor = (kind: GraphOf, index: VectorIndex): Promise<LoadedGraph> => sessionFor(kind(index.type));

/** Pairs of whole numbers as a tensor, flat in, [n, 2] out; one pair more than given, because none is not allowed: it is not read. */
export const pairTensor = (graph: LoadedGraph, pairs: readonly number[]): ReturnType<LoadedGraph['integers']> =>
  graph.integers(BigInt64Array.from([...pairs, 0, 0], BigInt), [pairs.length / 2 + 1, 2]);

/** (place of the list, row in the block) of the rows that lie in the block, flat. Pure. */
export function pairsIn(block: Block, lists: readonly ArrayLike<number>[]): number[] {
  const pairs: number[] = [];
  lists.forEach((rows, place) => {
    for (let i = 0; i < rows.length; i++) {
      const row = (rows[i] as number) - block.first;
      if (row >= 0 && row < block.rows) pairs.push(place, row);
    }
  });
  return pairs;
}

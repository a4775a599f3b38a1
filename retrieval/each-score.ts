// One pass over all scores of some queries, block by block, for what looks at each of them.
import type { SearchInput } from './exact-search.js';
import { blocks, chunksOf, graphFor } from './search-blocks.js';
import { scoreGraph } from './search-graphs.js';

/** The scores of one query for the rows from `first` on. */
export interface ScoreStretch {
  query: number;
  first: number;
  scores: Float32Array;
}

/** Hands over every score once: blocks in order, and the queries in order within a block. */
export async function eachScore({ index, queries }: SearchInput, take: (stretch: ScoreStretch) => void): Promise<void> {
  const graph = await graphFor(scoreGraph, index);
  const chunks = chunksOf(queries, index.dimension).map((chunk) => ({
    ...chunk,
    tensor: graph.floats(chunk.vectors, [chunk.count, index.dimension]),
  }));
  for await (const block of blocks(index)) {
    const rows = graph.rows(block.vectors, [block.rows, index.dimension]);
    for (const { first, count, tensor } of chunks) {
      const out = await graph.run({ queries: tensor, rows });
      const scores = out['scores']?.data as Float32Array;
      for (let q = 0; q < count; q++) {
        const own = scores.subarray(q * block.rows, (q + 1) * block.rows);
        take({ query: first + q, first: block.first, scores: own });
      }
    }
  }
}

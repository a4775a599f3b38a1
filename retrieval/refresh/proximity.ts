// How near documents score to what they are compared with, the gold: the nearer, the likelier a document changes sides when it is
// encoded anew. Distances are in units of `scale`, by which scores move. Passes over all scores, block by block, for worker threads.
import { blocks, chunksOf, graphFor } from '../search-blocks.js';
import { scoreGraph } from '../search-graphs.js';
import type { VectorIndex } from '../vector-index.js';

export interface ProximityInput {
  index: VectorIndex;
  queries: Float32Array;
  /** Per query: what a document must score below in order not to count; NaN: every document counts, always. */
  thresholds: Float32Array;
  /** What a score moves by; above 0. */
  scale: number;
}

export interface ExposureInput extends ProximityInput {
  /** Stratum of each row; `strata` for a row of none. */
  stratumOf: Uint8Array;
  strata: number;
}

export interface FlipInput extends ProximityInput {
  /** The rows of `index` as they are now. */
  fresh: VectorIndex;
}

/** Upper ends of the classes of distance; the last class has no end. */
const classEnds = [0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8];
export const distanceClasses = classEnds.length + 1;

/** Beyond so many scales a document does not add to its weight. */
const farthest = 8;

/**
 * Per row, the number of queries for which it would change sides if scores moved by chance: the sum of 1 / (1 + exp(1.7 distance)),
 * which is near the tail of a normal distribution. It only steers which rows are drawn more often.
 */
export async function proximities(input: ProximityInput): Promise<Float64Array> {
  const weights = new Float64Array(input.index.rows);
  await eachDistance(input, (_, row, distance) => {
    if (distance >= farthest) return;
    weights[row] = (weights[row] as number) + 1 / (1 + Math.exp(1.7 * distance));
  });
  return weights;
}

/** Rows by query, stratum and class of distance, [queries x strata x distanceClasses]. */
export async function exposures(input: ExposureInput): Promise<Float64Array> {
  const { thresholds, stratumOf, strata } = input;
  const counts = new Float64Array(thresholds.length * strata * distanceClasses);
  await eachDistance(input, (query, row, distance) => {
    const stratum = stratumOf[row] as number;
    if (stratum === strata) return;
    const at = (query * strata + stratum) * distanceClasses + classOf(distance);
    counts[at] = (counts[at] as number) + 1;
  });
  return counts;
}

/** Changes of sides, one a place in the arrays. */
export interface Flips {
  rows: Int32Array;
  queries: Int32Array;
  /** 1: the row comes to count against the gold; -1: it no longer does. */
  signs: Int8Array;
  /** Class of the distance before. */
  classes: Uint8Array;
}

/** Which rows change sides between `index` and `fresh`, and for which queries. */
export async function flips(input: FlipInput): Promise<Flips> {
  const { index, fresh, thresholds } = input;
  // Per query and row: 1 where the row counts, and twice its class.
  const before = new Uint8Array(thresholds.length * index.rows);
  const side = (query: number, score: number): number => (score < (thresholds[query] as number) ? 0 : 1);
  await eachDistance(input, (query, row, distance, score) => {
    before[query * index.rows + row] = side(query, score) + 2 * classOf(distance);
  });
  const found: [row: number, query: number, sign: number, distanceClass: number][] = [];
  await eachDistance({ ...input, index: fresh }, (query, row, _, score) => {
    const known = before[query * index.rows + row] as number;
    const sign = side(query, score) - (known % 2);
    if (sign !== 0) found.push([row, query, sign, known >> 1]);
  });
  return {
    rows: Int32Array.from(found, ([row]) => row),
    queries: Int32Array.from(found, ([, query]) => query),
    signs: Int8Array.from(found, ([, , sign]) => sign),
    classes: Uint8Array.from(found, ([, , , distanceClass]) => distanceClass),
  };
}

/** Hands over every row with its distance from the threshold of each query that has one; that of a score that is no number is 0: anything may become of it. */
async function eachDistance(
  { index, queries, thresholds, scale }: ProximityInput,
  take: (query: number, row: number, distance: number, score: number) => void,
): Promise<void> {
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
        const threshold = thresholds[first + q] as number;
        if (Number.isNaN(threshold)) continue;
        for (let row = 0; row < block.rows; row++) {
          const score = scores[q * block.rows + row] as number;
          const distance = Math.abs(score - threshold) / scale;
          take(first + q, block.first + row, Number.isNaN(distance) ? 0 : distance, score);
        }
      }
    }
  }
}

function classOf(distance: number): number {
  let at = 0;
  while (at < classEnds.length && distance >= (classEnds[at] as number)) at++;
  return at;
}

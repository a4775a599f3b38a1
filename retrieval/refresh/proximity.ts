// How near documents score to what they are compared with, the gold: the nearer, the likelier a document changes sides when it is
// encoded anew. Distances are in units of `scale`, by which scores move. Passes over all scores, block by block, for worker threads.
import { eachScore, type ScoreStretch } from '../each-score.js';
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

/** Beyond so many scales a document does not add to its weight; the end of the last class but one. */
const farthest = 8;

/** What a document adds to its weight, at the middle of each 32nd of a scale. */
const weightAt = Float64Array.from({ length: 32 * farthest }, (_, i) => 1 / (1 + Math.exp((1.7 * (i + 0.5)) / 32)));

/**
 * Per row, the number of queries for which it would change sides if scores moved by chance: the sum of 1 / (1 + exp(1.7 distance)), to
 * a 32nd of a scale, which is near the tail of a normal distribution. It only steers which rows are drawn more often.
 */
export async function proximities(input: ProximityInput): Promise<Float64Array> {
  const weights = new Float64Array(input.index.rows);
  await eachNear(input, ({ first, scores }, threshold) => {
    for (let i = 0; i < scores.length; i++) {
      const distance = distanceOf(scores[i] as number, threshold, input.scale);
      if (distance >= farthest) continue;
      weights[first + i] = (weights[first + i] as number) + (weightAt[Math.floor(32 * distance)] as number);
    }
  });
  return weights;
}

/** Rows by query, stratum and class of distance, [queries x strata x distanceClasses]. */
export async function exposures(input: ExposureInput): Promise<Float64Array> {
  const { thresholds, stratumOf, strata } = input;
  const counts = new Float64Array(thresholds.length * strata * distanceClasses);
  await eachNear(input, ({ query, first, scores }, threshold) => {
    for (let i = 0; i < scores.length; i++) {
      const stratum = stratumOf[first + i] as number;
      if (stratum === strata) continue;
      const distance = distanceOf(scores[i] as number, threshold, input.scale);
      const at = (query * strata + stratum) * distanceClasses + classOf(distance);
      counts[at] = (counts[at] as number) + 1;
    }
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
  await eachNear(input, ({ query, first, scores }, threshold) => {
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i] as number;
      const side = score < threshold ? 0 : 1;
      before[query * index.rows + first + i] = side + 2 * classOf(distanceOf(score, threshold, input.scale));
    }
  });
  const found: [row: number, query: number, sign: number, distanceClass: number][] = [];
  await eachNear({ ...input, index: fresh }, ({ query, first, scores }, threshold) => {
    for (let i = 0; i < scores.length; i++) {
      const known = before[query * index.rows + first + i] as number;
      const sign = ((scores[i] as number) < threshold ? 0 : 1) - (known % 2);
      if (sign !== 0) found.push([first + i, query, sign, known >> 1]);
    }
  });
  return {
    rows: Int32Array.from(found, ([row]) => row),
    queries: Int32Array.from(found, ([, query]) => query),
    signs: Int8Array.from(found, ([, , sign]) => sign),
    classes: Uint8Array.from(found, ([, , , distanceClass]) => distanceClass),
  };
}

/** Hands over the scores of each query that has a threshold. */
const eachNear = (input: ProximityInput, take: (stretch: ScoreStretch, threshold: number) => void): Promise<void> =>
  eachScore(input, (stretch) => {
    const threshold = input.thresholds[stretch.query] as number;
    if (!Number.isNaN(threshold)) take(stretch, threshold);
  });

/** How many scales a score is from a threshold; that of a score that is no number is 0: anything may become of it. */
function distanceOf(score: number, threshold: number, scale: number): number {
  const distance = Math.abs(score - threshold) / scale;
  return Number.isNaN(distance) ? 0 : distance;
}

/** Classes by quarters of a scale: all their ends are whole quarters, so none is rounded. */
const classOfQuarter = Uint8Array.from(
  { length: 4 * farthest },
  (_, quarter) => classEnds.filter((end) => quarter / 4 >= end).length,
);

const classOf = (distance: number): number =>
  distance < farthest ? (classOfQuarter[Math.floor(4 * distance)] as number) : classEnds.length;

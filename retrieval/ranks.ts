// The rank of a rollout's embedding, by counting: no top-k, no cut-off.
//   r = 1 + #{d not known positive, not text-identical to one : not (s(q, d) < s(q, gold) - 1e-6)}
// so ties and NaN count against. The gold's score is computed here, from its row, and compared with in every block.
import type { CountInput } from './exact-search.js';
import { dot, vectorOf, type VectorIndex } from './vector-index.js';

/** How far below the gold a document must score in order not to count: above the rounding of float32 inner products of unit vectors. */
export const tieMargin = 1e-6;

export interface RankInput {
  index: VectorIndex;
  /** Row-major, one a rollout. */
  queries: Float32Array;
  /** Per rollout: rows of the known positives, one at least. */
  positives: readonly (readonly number[])[];
  /** Rows with the same text as a row, without the row itself. */
  duplicatesOf: (row: number) => readonly number[];
}

/** The search that ranks need: in this thread (exact-search.ts), in another, or the sum of what several activities have counted. */
export type CountSearch = (input: CountInput) => Promise<Int32Array>;

/** Whose ranks: of the best-ranked positive of each rollout, or of all its positives. */
export type Ranked = 'best' | 'all';

/**
 * What is to be counted for the ranks: a query a rollout, or, for those of all positives, one a pair of rollout and positive.
 * All positives and their duplicates are left out of the count.
 */
export const countTask = (input: RankInput, ranked: Ranked): CountInput =>
  ranked === 'best' ? bestTask(input) : eachTask(input).task;

function bestTask({ index, queries, positives, duplicatesOf }: RankInput): CountInput {
  const excluded = positives.map((rows) => excludedOf(rows, duplicatesOf));
  return { index, queries, thresholds: thresholdsOf(goldScores(index, queries, positives)), excluded };
}

/** Of all positives; `scores` and `rollouts` are those of the queries of the task. */
function eachTask({ index, queries, positives, duplicatesOf }: RankInput): {
  task: CountInput;
  scores: Float32Array;
  rollouts: number[];
} {
  const { dimension } = index;
  const pairs = positives.flatMap((rows, rollout) => rows.map((row) => ({ rollout, row })));
  const rollouts = pairs.map(({ rollout }) => rollout);
  const copies = new Float32Array(pairs.length * dimension);
  rollouts.forEach((rollout, i) => {
    copies.set(queries.subarray(rollout * dimension, (rollout + 1) * dimension), i * dimension);
  });
  const own = pairs.map(({ row }) => [row]);
  const scores = goldScores(index, copies, own);
  const excluded = positives.map((rows) => excludedOf(rows, duplicatesOf));
  const task = {
    ...{ index, queries: copies, thresholds: thresholdsOf(scores) },
    excluded: rollouts.map((rollout) => excluded[rollout] as Int32Array),
  };
  return { task, scores, rollouts };
}

const thresholdsOf = (golds: Float32Array): Float32Array => golds.map((gold) => Math.fround(gold - tieMargin));

/**
 * Rank of the best-ranked positive of each rollout, from 1. No positive is counted, so the best-ranked one is the one that scores
 * best.
 */
export async function rewardRanks(input: RankInput, count: CountSearch): Promise<Int32Array> {
  return (await count(bestTask(input))).map((against) => against + 1);
}

/**
 * Ranks of all positives of each rollout, in the order of `positives`. A positive comes after the documents that are none and
 * score not below it, and after the positives that score better, equal ones in their order; NaN comes last.
 */
export async function positiveRanks(input: RankInput, count: CountSearch): Promise<number[][]> {
  const { task, scores, rollouts } = eachTask(input);
  const against = await count(task);
  const places = input.positives.map((): number[] => []);
  rollouts.forEach((rollout, i) => places[rollout]?.push(i));
  // Each positive before adds one to the rank among the others.
  const score = (i: number): number => (Number.isNaN(scores[i]) ? -Infinity : (scores[i] as number));
  return places.map((own) => {
    const before = (i: number): number =>
      own.filter((other) => score(other) > score(i) || (score(other) === score(i) && other < i)).length;
    return own.map((i) => (against[i] as number) + before(i) + 1);
  });
}

const excludedOf = (rows: readonly number[], duplicatesOf: RankInput['duplicatesOf']): Int32Array =>
  Int32Array.from(new Set(rows.flatMap((row) => [row, ...duplicatesOf(row)])));

/** Per rollout, the best score of a positive; NaN when none has one (then everything counts against). Pure. */
export function goldScores(index: VectorIndex, queries: Float32Array, positives: RankInput['positives']): Float32Array {
  return Float32Array.from(positives, (rows, i) => {
    const query = queries.subarray(i * index.dimension, (i + 1) * index.dimension);
    const scores = rows.map((row) => dot(query, vectorOf(index, row))).filter((score) => !Number.isNaN(score));
    return scores.length === 0 ? NaN : Math.max(...scores);
  });
}

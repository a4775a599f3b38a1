// Metrics of a ranking: nDCG, Recall, reciprocal rank, average precision, from the ranks of the judged relevant documents.

/** Gain of a document at a rank, from 1: 1/log2(1 + rank) (Järvelin and Kekäläinen, 2002). Pure. */
export const discount = (rank: number): number => 1 / Math.log2(1 + rank);

/** A judged relevant document: its grade (above 0) and where it ended, from 1; null = not retrieved. */
export interface JudgedRank {
  grade: number;
  rank: number | null;
}

export type Gain = 'binary' | 'linear' | 'exponential';

/** What a relevant document of a grade counts: 1, the grade, or 2^grade - 1 (Burges et al., 2005). Pure. */
export const gainOf = (gain: Gain, grade: number): number =>
  ({ binary: 1, linear: grade, exponential: 2 ** grade - 1 })[gain];

/**
 * nDCG@k. Linear gain is trec_eval's and BEIR's. The ideal ranks all judged documents, retrieved or not, cut at k. Pure.
 */
export function ndcgAt(judged: readonly JudgedRank[], k: number, gain: Gain = 'linear'): number {
  const worth = ({ grade }: JudgedRank): number => gainOf(gain, grade);
  const dcg = judged.reduce(
    (sum, one) => (one.rank !== null && one.rank <= k ? sum + worth(one) * discount(one.rank) : sum),
    0,
  );
  const ideal = judged
    .map(worth)
    .sort((a, b) => b - a)
    .slice(0, k)
    .reduce((sum, value, i) => sum + value * discount(i + 1), 0);
  return dcg / ideal;
}

/** Share of the relevant documents within the first k. Pure. */
export const recallAt = (judged: readonly JudgedRank[], k: number): number =>
  judged.filter(({ rank }) => rank !== null && rank <= k).length / judged.length;

/** 1/rank of the first relevant document within the first k, else 0. Pure. */
export function reciprocalRankAt(judged: readonly JudgedRank[], k: number): number {
  const best = bestRank(judged);
  return best !== null && best <= k ? 1 / best : 0;
}

/**
 * Average precision (trec_eval's map): the mean over the relevant documents of the precision at their ranks, 0 for those not
 * retrieved. Without a cut: of an exact ranking every document has a rank. Pure.
 */
export function averagePrecision(judged: readonly JudgedRank[]): number {
  const ranks = judged.flatMap(({ rank }) => (rank === null ? [] : [rank])).sort((a, b) => a - b);
  return ranks.reduce((sum, rank, found) => sum + (found + 1) / rank, 0) / judged.length;
}

/** The best rank of a relevant document, null when none was retrieved. Pure. */
export function bestRank(judged: readonly JudgedRank[]): number | null {
  const ranks = judged.flatMap(({ rank }) => (rank === null ? [] : [rank]));
  return ranks.length === 0 ? null : Math.min(...ranks);
}

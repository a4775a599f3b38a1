// Which documents of a ranking become hard negatives of a query: near its answers, and by some margin not nearer.
import { drawWithout, type Random } from './random.js';

export interface NegativeRules {
  number: number;
  /** First and last rank, from 1, counted without answers and copies of them. */
  first: number;
  last: number;
  /** How far a score must be below that of the lowest-scoring answer; null: no such rule. */
  absoluteMargin: number | null;
  /** The same as a share of that score: 0.05 asks for at most 95 % of it; null: no such rule. */
  relativeMargin: number | null;
  /** The best of the range, or any of it. */
  sampling: 'top' | 'random';
}

export interface Ranking {
  /** Best first. */
  rows: ArrayLike<number>;
  scores: ArrayLike<number>;
  /** Scores of the known answers. */
  positives: readonly number[];
  /** Known answers, and documents with the text of one. */
  excluded: ReadonlySet<number>;
}

export interface MinedNegatives {
  /** By rank. */
  rows: number[];
  scores: number[];
  /** Documents of the range that scored too near to an answer. */
  tooNear: number;
}

/**
 * The negatives of one query. The margins are to the answer that scores lowest, so that a negative scores below every known answer;
 * without a score of an answer they ask for nothing. `sameText` gives the rows with the text of a row: one of them is taken. Pure
 * but for `random`.
 */
export function chooseNegatives(
  ranking: Ranking,
  rules: NegativeRules,
  { sameText, random }: { sameText: (row: number) => readonly number[]; random: Random },
): MinedNegatives {
  const limit = limitOf(ranking.positives, rules);
  const seen = new Set<number>();
  const range: { row: number; score: number }[] = [];
  for (let i = 0, rank = 0; i < ranking.rows.length && rank < rules.last; i++) {
    const row = ranking.rows[i] as number;
    if (ranking.excluded.has(row) || seen.has(row)) continue;
    for (const copy of sameText(row)) seen.add(copy);
    rank++;
    if (rank >= rules.first) range.push({ row, score: ranking.scores[i] as number });
  }
  const far = range.filter(({ score }) => score <= limit);
  const places = far.map((_, place) => place);
  const taken =
    rules.sampling === 'top'
      ? places.slice(0, rules.number)
      : drawWithout(places, rules.number, random).sort((a, b) => a - b);
  const chosen = taken.map((place) => far[place] as { row: number; score: number });
  return {
    rows: chosen.map(({ row }) => row),
    scores: chosen.map(({ score }) => score),
    tooNear: range.length - far.length,
  };
}

/** The greatest score that a negative may have. Pure. */
function limitOf(positives: readonly number[], { absoluteMargin, relativeMargin }: NegativeRules): number {
  if (positives.length === 0) return Infinity;
  const lowest = Math.min(...positives);
  return Math.min(
    absoluteMargin === null ? Infinity : lowest - absoluteMargin,
    relativeMargin === null ? Infinity : lowest - relativeMargin * Math.abs(lowest),
  );
}

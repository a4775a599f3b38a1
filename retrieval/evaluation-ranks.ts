// Ranks for evaluation, as trec_eval orders a run: score descending, equal scores by document number (the id) descending.
// A relevant document without a number for a score ranks behind all others; others without one rank behind it.
import { eachScoreBlock, type SearchInput } from './exact-search.js';

export interface EvaluationInput extends SearchInput {
  /** Per query: rows of the judged relevant documents. */
  relevant: readonly ArrayLike<number>[];
  /** Per query: rows left out of the ranking, none of them relevant. */
  ignored: readonly ArrayLike<number>[];
  /** Per row: place of its id among all ids, ascending. */
  idOrder: Int32Array;
}

/** Per query, the rank of each relevant document, from 1, in the order given. Needs each score twice: once to know the relevant ones'. */
export async function evaluationRanks(input: EvaluationInput): Promise<Int32Array[]> {
  const own = input.relevant.map((rows) => new Float32Array(rows.length));
  await eachScoreBlock(input, (part) => {
    for (let i = 0; i < part.queries; i++) {
      const query = part.firstQuery + i;
      const rows = input.relevant[query] ?? [];
      for (let j = 0; j < rows.length; j++) {
        const at = (rows[j] as number) - part.firstRow;
        if (at >= 0 && at < part.rows) (own[query] as Float32Array)[j] = part.scores[i * part.rows + at] as number;
      }
    }
  });
  const ranks = own.map((scores) => new Int32Array(scores.length).fill(1));
  await eachScoreBlock(input, (part) => {
    for (let i = 0; i < part.queries; i++) {
      const query = part.firstQuery + i;
      const standing = {
        relevant: input.relevant[query] ?? [],
        own: own[query] as Float32Array,
        ignored: input.ignored[query] ?? [],
        idOrder: input.idOrder,
      };
      const scores = part.scores.subarray(i * part.rows, (i + 1) * part.rows);
      addAhead(ranks[query] as Int32Array, standing, { first: part.firstRow, scores });
    }
  });
  return ranks;
}

/** One query's part in counting: its relevant and ignored rows, and the order of ids. */
export interface Standing {
  relevant: ArrayLike<number>;
  /** Scores of the relevant documents. */
  own: Float32Array;
  ignored: ArrayLike<number>;
  idOrder: Int32Array;
}

/** Adds to each relevant document's rank how many documents of one stretch of rows are ahead of it. */
export function addAhead(
  ranks: Int32Array,
  { relevant, own, ignored, idOrder }: Standing,
  stretch: { first: number; scores: Float32Array },
): void {
  for (let j = 0; j < relevant.length; j++) {
    const row = relevant[j] as number;
    const isAhead = aheadOf(own[j] as number, idOrder[row] as number, idOrder);
    let ahead = 0;
    for (let i = 0; i < stretch.scores.length; i++) {
      if (stretch.first + i !== row && isAhead(stretch.scores[i] as number, stretch.first + i)) ahead++;
    }
    for (let i = 0; i < ignored.length; i++) {
      const at = (ignored[i] as number) - stretch.first;
      if (at >= 0 && at < stretch.scores.length && isAhead(stretch.scores[at] as number, ignored[i] as number)) ahead--;
    }
    ranks[j] = (ranks[j] as number) + ahead;
  }
}

/** Whether a document is ahead of one that scored `own`. */
function aheadOf(own: number, ownOrder: number, idOrder: Int32Array): (score: number, row: number) => boolean {
  if (Number.isNaN(own)) return () => true;
  return (score, row) => score > own || (score === own && (idOrder[row] as number) > ownOrder);
}

// The best documents of queries under BM25, with the scores of some that are named. Runs in a worker thread.
import { scoreAll, type Bm25Settings } from './bm25.js';
import { readBm25 } from './bm25-ranks.js';

export interface Bm25TopInput {
  /** Path of corpus.jsonl. */
  corpus: string;
  queries: readonly string[];
  /** Per query: rows whose scores are asked for. */
  named: readonly (readonly number[])[];
  k: number;
  settings: Bm25Settings;
}

export interface Bm25Top {
  /** Rows and scores, best first; equal scores by row; at most k, and only documents with a common term. */
  rows: number[];
  scores: number[];
  /** Scores of the named rows; 0 = no common term. */
  named: number[];
}

/** Per query, the best documents. */
export async function bm25Top(input: Bm25TopInput): Promise<Bm25Top[]> {
  const index = { ...(await readBm25(input.corpus)), settings: input.settings };
  return input.queries.map((text, query) => {
    const scores = scoreAll(index, text);
    const found = Array.from(scores.keys()).filter((row) => (scores[row] as number) > 0);
    const rows = found.sort((a, b) => (scores[b] as number) - (scores[a] as number) || a - b).slice(0, input.k);
    return {
      rows,
      scores: rows.map((row) => scores[row] as number),
      named: (input.named[query] ?? []).map((row) => scores[row] as number),
    };
  });
}

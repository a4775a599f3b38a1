// Ranks of the relevant documents under BM25, for evaluation, and the choice of its settings. Runs in a worker thread.
import { addDocument, emptyBm25, scoreAll, type Bm25, type Bm25Settings } from './bm25.js';
import { readDocuments } from './corpus.js';
import type { EvaluationInput } from './evaluation-ranks.js';
import { ndcgAt } from './metrics.js';

interface Bm25Queries extends Pick<EvaluationInput, 'relevant' | 'ignored' | 'idOrder'> {
  /** Path of corpus.jsonl. */
  corpus: string;
  queries: readonly string[];
}

export interface Bm25Input extends Bm25Queries {
  settings: Bm25Settings;
}

export interface Bm25TuningInput extends Bm25Queries {
  /** Per query, the grades of its relevant documents. */
  grades: readonly (readonly number[])[];
}

const tried = {
  k1: [0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4],
  b: [0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1],
};

/** Per query, the rank of each relevant document; 0 = it shares no term with the query, so it is not retrieved. */
export async function bm25Ranks(input: Bm25Input): Promise<Int32Array[]> {
  return ranksIn({ ...(await readBm25(input.corpus)), settings: input.settings }, input);
}

/** The settings of the grid with the best mean nDCG@10; of equal ones the smaller k1, then the smaller b. */
export async function tuneBm25(input: Bm25TuningInput): Promise<Bm25Settings & { ndcg_at_10: number }> {
  const index = await readBm25(input.corpus);
  let best = { k1: NaN, b: NaN, ndcg_at_10: -1 };
  for (const k1 of tried.k1) {
    for (const b of tried.b) {
      const ranks = ranksIn({ ...index, settings: { k1, b } }, input);
      const ndcg_at_10 = meanNdcg(ranks, input.grades);
      if (ndcg_at_10 > best.ndcg_at_10) best = { k1, b, ndcg_at_10 };
    }
  }
  return best;
}

/** The index of a corpus; its settings are still to be given. */
export async function readBm25(corpus: string): Promise<Bm25> {
  const index = emptyBm25({ k1: 0, b: 0 });
  for await (const { text } of readDocuments(corpus)) addDocument(index, text);
  return index;
}

function ranksIn(index: Bm25, input: Bm25Queries): Int32Array[] {
  return input.queries.map((text, query) => {
    const scores = scoreAll(index, text);
    const ignored = Array.from(input.ignored[query] ?? []);
    return Int32Array.from(input.relevant[query] ?? [], (row) =>
      scores[row] === 0 ? 0 : rankOf(row, { scores, idOrder: input.idOrder, ignored }),
    );
  });
}

function meanNdcg(ranks: readonly Int32Array[], grades: Bm25TuningInput['grades']): number {
  const sum = ranks.reduce((before, own, query) => {
    const judged = (grades[query] ?? []).map((grade, i) => ({ grade, rank: own[i] === 0 ? null : (own[i] as number) }));
    return before + ndcgAt(judged, 10);
  }, 0);
  return sum / ranks.length;
}

/** 1 and the documents ahead of this one, the ignored ones left out. Every score is a number. */
function rankOf(row: number, run: { scores: Float32Array; idOrder: Int32Array; ignored: readonly number[] }): number {
  const { scores, idOrder, ignored } = run;
  const own = scores[row] as number;
  const isAhead = (score: number, other: number): boolean =>
    score > own || (score === own && (idOrder[other] as number) > (idOrder[row] as number));
  let rank = 1;
  for (let other = 0; other < scores.length; other++) if (isAhead(scores[other] as number, other)) rank++;
  return rank - ignored.filter((other) => isAhead(scores[other] as number, other)).length;
}

// Ranks of the relevant documents under BM25, for evaluation. Runs in a worker thread.
import { addDocument, emptyBm25, scoreAll, type Bm25Settings } from './bm25.js';
import { readDocuments } from './corpus.js';
import { addAhead, type EvaluationInput } from './evaluation-ranks.js';

export interface Bm25Input extends Pick<EvaluationInput, 'relevant' | 'ignored' | 'idOrder'> {
  /** Path of corpus.jsonl. */
  corpus: string;
  queries: readonly string[];
  settings: Bm25Settings;
}

/** Per query, the rank of each relevant document; 0 = it shares no term with the query, so it is not retrieved. */
export async function bm25Ranks(input: Bm25Input): Promise<Int32Array[]> {
  const index = emptyBm25(input.settings);
  for await (const { text } of readDocuments(input.corpus)) addDocument(index, text);
  return input.queries.map((text, query) => {
    const scores = scoreAll(index, text);
    const relevant = input.relevant[query] ?? [];
    const own = Float32Array.from(relevant, (row) => scores[row] as number);
    const ranks = new Int32Array(own.length).fill(1);
    addAhead(
      ranks,
      { relevant, own, ignored: input.ignored[query] ?? [], idOrder: input.idOrder },
      { first: 0, scores },
    );
    return ranks.map((rank, i) => (own[i] === 0 ? 0 : rank));
  });
}

// Ranks for evaluation, as trec_eval orders a run: score descending, equal scores by document number (the id) descending.
// A relevant document without a number for a score ranks behind all others; others without one rank behind it.
import { integers, type SearchInput } from './exact-search.js';
import { blocks, chunkQueries, graphFor, pairTensor, pairsIn } from './search-blocks.js';
import { aheadGraph, pairGraph } from './search-graphs.js';

export interface EvaluationInput extends SearchInput {
  /** Per query: rows of the judged relevant documents. */
  relevant: readonly ArrayLike<number>[];
  /** Per query: rows left out of the ranking, none of them relevant. */
  ignored: readonly ArrayLike<number>[];
  /** Per row: place of its id among all ids, ascending. */
  idOrder: Int32Array;
}

/**
 * Per query, the rank of each relevant document, from 1, in the order given. Two passes over the rows, with the same cuts, so that equal scores
 * are equal bits: the scores of the relevant documents, then how many are ahead of each.
 */
export async function evaluationRanks(input: EvaluationInput): Promise<Int32Array[]> {
  const pieces = piecesOf(input);
  await findOwn(input, pieces);
  await countAhead(input, pieces);
  const ranks = input.relevant.map((rows) => new Int32Array(rows.length));
  for (const piece of pieces) {
    piece.judged.forEach(({ query, place }, i) => {
      const ignored = input.ignored[query]?.length ?? 0;
      const ahead = Number.isNaN(piece.own[i]) ? input.index.rows - 1 - ignored : (piece.ahead[i] as number);
      (ranks[query] as Int32Array)[place] = 1 + ahead;
    });
  }
  return ranks;
}

/** Judged documents that are compared together, at most `chunkQueries`, and the queries that they belong to, which follow one another. */
interface Piece {
  judged: { query: number; place: number; row: number }[];
  firstQuery: number;
  queries: Float32Array;
  count: number;
  own: Float32Array;
  ahead: Int32Array;
}

function piecesOf({ index, queries, relevant }: EvaluationInput): Piece[] {
  const all = relevant.flatMap((rows, query) => Array.from(rows, (row, place) => ({ query, place, row })));
  const pieces: Piece[] = [];
  for (let at = 0; at < all.length; at += chunkQueries) {
    const judged = all.slice(at, at + chunkQueries);
    const firstQuery = judged[0]?.query ?? 0;
    const end = (judged.at(-1)?.query ?? 0) + 1;
    pieces.push({
      ...{ judged, firstQuery, count: end - firstQuery },
      queries: queries.slice(firstQuery * index.dimension, end * index.dimension),
      own: new Float32Array(judged.length),
      ahead: new Int32Array(judged.length),
    });
  }
  return pieces;
}

/** Fills in the scores of the judged documents. */
async function findOwn({ index }: EvaluationInput, pieces: readonly Piece[]): Promise<void> {
  const graph = await graphFor(pairGraph, index);
  for await (const block of blocks(index)) {
    const rows = graph.rows(block.vectors, [block.rows, index.dimension]);
    for (const piece of pieces) {
      const found = piece.judged.flatMap(({ query, row }, i) => {
        const at = row - block.first;
        return at >= 0 && at < block.rows ? [{ i, pair: [query - piece.firstQuery, at] }] : [];
      });
      if (found.length === 0) continue;
      const pairs = pairTensor(
        graph,
        found.flatMap(({ pair }) => pair),
      );
      const out = await graph.run({
        queries: graph.floats(piece.queries, [piece.count, index.dimension]),
        rows,
        pairs,
      });
      const scores = out['pair_scores']?.data as Float32Array;
      found.forEach(({ i }, at) => {
        piece.own[i] = scores[at] as number;
      });
    }
  }
}

/** Fills in how many documents are ahead of each judged one, the ignored ones left out. */
async function countAhead({ index, ignored, idOrder }: EvaluationInput, pieces: readonly Piece[]): Promise<void> {
  const graph = await graphFor(aheadGraph, index);
  for await (const block of blocks(index)) {
    const rows = graph.rows(block.vectors, [block.rows, index.dimension]);
    const places = BigInt64Array.from(idOrder.subarray(block.first, block.first + block.rows), BigInt);
    for (const { judged, own, ahead, count, firstQuery, queries } of pieces) {
      const pairs = pairsIn(
        block,
        judged.map(({ query }) => ignored[query] ?? []),
      );
      const column = [judged.length, 1];
      const out = await graph.run({
        ...{ queries: graph.floats(queries, [count, index.dimension]), rows },
        owner: graph.integers(
          BigInt64Array.from(judged, ({ query }) => BigInt(query - firstQuery)),
          [judged.length],
        ),
        own: graph.floats(own, column),
        place: graph.integers(
          BigInt64Array.from(judged, ({ row }) => BigInt(idOrder[row] as number)),
          column,
        ),
        places: graph.integers(places, [1, block.rows]),
        pairs: pairTensor(graph, pairs),
      });
      integers(out, 'ahead_count').forEach((number, i) => {
        ahead[i] = (ahead[i] as number) + number;
      });
      const pairAhead = integers(out, 'pair_ahead');
      for (let p = 0; p < pairs.length / 2; p++) {
        const i = pairs[2 * p] as number;
        ahead[i] = (ahead[i] as number) - (pairAhead[p] as number);
      }
    }
  }
}

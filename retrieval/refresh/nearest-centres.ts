// For every row of an index the nearest of some centres, in one pass over the rows.
import { eachScore } from '../each-score.js';
import type { SearchInput } from '../exact-search.js';

export interface CentresInput extends SearchInput {
  /** Centres a row, at most as many as there are queries. */
  k: number;
}

/** Places of the k queries that score best with each row, [rows x k], best first, equal ones in their order; -1 where a score is no number. */
export async function nearestCentres(input: CentresInput): Promise<Int32Array> {
  const { index, k } = input;
  const places = new Int32Array(index.rows * k).fill(-1);
  const best = new Float32Array(index.rows * k).fill(-Infinity);
  await eachScore(input, ({ query, first, scores }) => {
    for (let i = 0; i < scores.length; i++) {
      const score = scores[i] as number;
      const start = (first + i) * k;
      let at = start + k - 1;
      if (!(score > (best[at] as number))) continue;
      for (; at > start && score > (best[at - 1] as number); at--) {
        best[at] = best[at - 1] as number;
        places[at] = places[at - 1] as number;
      }
      best[at] = score;
      places[at] = query;
    }
  });
  return places;
}

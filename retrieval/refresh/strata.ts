// Divides rows into strata by how much they are likely to matter, and says in which order to draw from them.
// Within a stratum the order is a random permutation, so any beginning of it is a simple random sample without replacement; and as the
// strata take turns, how many of each the first n rows hold depends on n alone. So the probability of every row is known at any n.
import { drawWithout, seededRandom } from '../random.js';

export interface Strata {
  /** Rows of each stratum. */
  sizes: number[];
  /** All rows in the order in which they are drawn, and the stratum of each. */
  rows: number[];
  stratum: Uint8Array;
}

/** Weight that every row has at least, in that of the mean row: what is unlikely must not be left out. */
const leastShare = 0.05;

/**
 * At most `most` strata of rows (fewer than 256) in the order of their weights, with equal sums of the weights' square roots: then equally many draws from
 * each are the best for the variance (Neyman, 1934; Dalenius and Hodges, 1959). Deterministic by the seed. Pure.
 */
export function stratify(rows: readonly number[], weights: Float64Array, most: number, seed: number): Strata {
  const floor = (leastShare * rows.reduce((sum, row) => sum + (weights[row] as number), 0)) / rows.length;
  const root = (row: number): number => Math.sqrt((weights[row] as number) + floor) || 1;
  const sorted = rows.toSorted((a, b) => (weights[b] as number) - (weights[a] as number) || a - b);
  const total = rows.reduce((sum, row) => sum + root(row), 0);
  const members: number[][] = [[]];
  let sum = 0;
  for (const row of sorted) {
    if (sum >= (total * members.length) / most && members.length < most) members.push([]);
    (members.at(-1) as number[]).push(row);
    sum += root(row);
  }
  const queues = members.map((own, i) => drawWithout(own, own.length, seededRandom(seed, `stratum ${i}`)));
  return { sizes: members.map((own) => own.length), ...takeTurns(queues) };
}

function takeTurns(queues: readonly (readonly number[])[]): Pick<Strata, 'rows' | 'stratum'> {
  const rows: number[] = [];
  const stratum: number[] = [];
  const longest = Math.max(...queues.map((queue) => queue.length));
  for (let turn = 0; turn < longest; turn++) {
    queues.forEach((queue, i) => {
      if (turn >= queue.length) return;
      rows.push(queue[turn] as number);
      stratum.push(i);
    });
  }
  return { rows, stratum: Uint8Array.from(stratum) };
}

/** How many of each stratum are among the first `n` drawn. Pure. */
export function drawnOf({ sizes, stratum }: Strata, n: number): number[] {
  const drawn = sizes.map(() => 0);
  for (let i = 0; i < n; i++) drawn[stratum[i] as number] = (drawn[stratum[i] as number] as number) + 1;
  return drawn;
}

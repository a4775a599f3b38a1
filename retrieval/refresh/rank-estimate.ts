// Estimates of the ranks that a full re-encode would give, from a stratified sample of the rows (strata.ts) and how its rows changed sides:
//   r = r_stale + sum over certain rows x + sum over strata h (N_h / n_h) sum over the sample x,   x = 1[fresh counts] - 1[stale counts],
// with the fresh gold in both: unbiased for any fixed n (Horvitz and Thompson, 1952), as the probability of a row of h is n_h / N_h.
// The variance of the difference of two ranks is the larger of two estimates: that of the sample itself, which is 0 where it saw
// nothing, and what changes of sides as frequent as in all samples together, at the same distance from the gold, would give.
import { membersOf } from '../order-fidelity.js';
import { distanceClasses, type Flips } from './proximity.js';

export interface RankSums {
  /** Ranks with the fresh golds and all other rows as stored, certain rows already as they are now. */
  base: Float64Array;
  /** Pairs of samples of one group. */
  pairs: { a: Int32Array; b: Int32Array };
  strata: number;
  /** Sum of x and of x², [samples x strata]. */
  sum: Float64Array;
  squares: Float64Array;
  /** Sum of x_a x_b, [pairs x strata]. */
  products: Float64Array;
  /** Changes of sides, [strata x distanceClasses]. */
  flips: Float64Array;
  /** Place of the pair (a, b), a before b. */
  pairOf: (a: number, b: number) => number | undefined;
}

/** Sums of a sample without rows. Pure. */
export function emptySums(base: Float64Array, groups: readonly number[], strata: number): RankSums {
  const members = membersOf(groups);
  const pairs = members.flatMap((own) => own.flatMap((a, i) => own.slice(i + 1).map((b) => [a, b] as const)));
  const places = new Map(pairs.map(([a, b], place) => [a * groups.length + b, place]));
  return {
    base,
    pairs: { a: Int32Array.from(pairs, ([a]) => a), b: Int32Array.from(pairs, ([, b]) => b) },
    strata,
    sum: new Float64Array(groups.length * strata),
    squares: new Float64Array(groups.length * strata),
    products: new Float64Array(pairs.length * strata),
    flips: new Float64Array(strata * distanceClasses),
    pairOf: (a, b) => places.get(a * groups.length + b),
  };
}

/** Adds what drawn rows did; `stratumOf` is of a row as the flips number it. Changes `sums`. */
export function addFlips(sums: RankSums, flips: Flips, stratumOf: (row: number) => number): void {
  const byRow = new Map<number, [sample: number, sign: number][]>();
  flips.rows.forEach((row, i) => {
    const stratum = stratumOf(row);
    const sample = flips.queries[i] as number;
    const sign = flips.signs[i] as number;
    addTo(sums.sum, sample * sums.strata + stratum, sign);
    addTo(sums.squares, sample * sums.strata + stratum, 1);
    addTo(sums.flips, stratum * distanceClasses + (flips.classes[i] as number), 1);
    const known = byRow.get(row);
    if (known === undefined) byRow.set(row, [[sample, sign]]);
    else known.push([sample, sign]);
  });
  for (const [row, own] of byRow) addProducts(sums, own, stratumOf(row));
}

function addProducts(sums: RankSums, own: [sample: number, sign: number][], stratum: number): void {
  for (const [a, signA] of own) {
    for (const [b, signB] of own) {
      const pair = sums.pairOf(a, b);
      if (pair !== undefined) addTo(sums.products, pair * sums.strata + stratum, signA * signB);
    }
  }
}

const addTo = (array: Float64Array, at: number, value: number): void => {
  array[at] = (array[at] as number) + value;
};

/** How much of each stratum was drawn, and where its rows lie. */
export interface Design {
  sizes: readonly number[];
  drawn: readonly number[];
  /** [samples x strata x distanceClasses], of proximity.ts. */
  exposures: Float64Array;
}

export interface RankEstimates {
  /** Unbiased; not whole, and below 1 at times. */
  ranks: Float64Array;
  /** Ranks in the index with the drawn rows written. */
  served: Float64Array;
  /** Variance of each of `ranks`. */
  variances: Float64Array;
  /** Variance of ranks[a] - ranks[b], one a pair. */
  pairVariances: Float64Array;
}

/** The estimates at this size of the sample, which holds a row of every stratum. Pure. */
export function estimateRanks(sums: RankSums, design: Design): RankEstimates {
  const { strata, base, sum } = sums;
  const { sizes, drawn } = design;
  const total = (sample: number, weight: (h: number) => number): number => {
    let own = base[sample] as number;
    for (let h = 0; h < strata; h++) own += weight(h) * (sum[sample * strata + h] as number);
    return own;
  };
  const expected = expectedVariances(sums, design);
  const share = differingShare(sums, design);
  const own = (sample: number, h: number): Moments => ({
    sum: sum[sample * strata + h] as number,
    squares: sums.squares[sample * strata + h] as number,
  });
  return {
    ranks: base.map((_, sample) => total(sample, (h) => (sizes[h] as number) / (drawn[h] as number))),
    served: base.map((_, sample) => total(sample, () => 1)),
    variances: base.map((_, sample) =>
      Math.max(
        sampleVariance(design, (h) => own(sample, h)),
        expected[sample] as number,
      ),
    ),
    pairVariances: Float64Array.from(sums.pairs.a, (a, pair) => {
      const b = sums.pairs.b[pair] as number;
      const modelled = share * ((expected[a] as number) + (expected[b] as number));
      const difference = (h: number): Moments => ({
        sum: own(a, h).sum - own(b, h).sum,
        squares: squaresOfPair(sums, pair, h),
      });
      return Math.max(sampleVariance(design, difference), modelled);
    }),
  };
}

interface Moments {
  sum: number;
  squares: number;
}

/** sum over h N_h² (1 - n_h / N_h) s² / n_h, with the variance s² of what the sample of h summed up to. */
function sampleVariance({ sizes, drawn }: Design, moments: (h: number) => Moments): number {
  let variance = 0;
  sizes.forEach((size, h) => {
    const n = drawn[h] as number;
    if (n === size || n < 2) return;
    const { sum, squares } = moments(h);
    variance += ((size * (size - n)) / n) * Math.max(0, (squares - (sum * sum) / n) / (n - 1));
  });
  return variance;
}

const squaresOfPair = ({ pairs, strata, squares, products }: RankSums, pair: number, h: number): number =>
  (squares[(pairs.a[pair] as number) * strata + h] as number) +
  (squares[(pairs.b[pair] as number) * strata + h] as number) -
  2 * (products[pair * strata + h] as number);

/** Changes of sides that are added to what was seen at each distance (Jeffreys' prior): where none was seen, some may be. */
const unseen = 0.5;

/** Per sample, the variance of its rank if rows changed sides as often as all do at their distance. */
function expectedVariances({ base, strata, flips }: RankSums, { sizes, drawn, exposures }: Design): Float64Array {
  const rates = new Float64Array(distanceClasses);
  for (let c = 0; c < distanceClasses; c++) {
    let [changed, exposed, seen] = [0, 0, 0];
    for (let h = 0; h < strata; h++) {
      const share = (drawn[h] as number) / (sizes[h] as number);
      changed += (flips[h * distanceClasses + c] as number) / share;
      for (let sample = 0; sample < base.length; sample++) {
        const own = exposures[(sample * strata + h) * distanceClasses + c] as number;
        exposed += own;
        seen += own * share;
      }
    }
    rates[c] = exposed === 0 ? 0 : Math.min(1, changed / exposed + unseen / seen);
  }
  return base.map((_, sample) => {
    let variance = 0;
    for (let h = 0; h < strata; h++) {
      const weight = ((sizes[h] as number) - (drawn[h] as number)) / (drawn[h] as number);
      const at = (sample * strata + h) * distanceClasses;
      for (let c = 0; c < distanceClasses; c++)
        variance += weight * (rates[c] as number) * (exposures[at + c] as number);
    }
    return variance;
  });
}

/** What share of two samples' changes of sides is not common to both, over all pairs; one more of each than was seen. */
function differingShare(sums: RankSums, { sizes, drawn }: Design): number {
  let [differing, all] = [1, 1];
  for (let pair = 0; pair < sums.pairs.a.length; pair++) {
    for (let h = 0; h < sums.strata; h++) {
      const weight = (sizes[h] as number) / (drawn[h] as number);
      const own = squaresOfPair(sums, pair, h);
      differing += weight * own;
      all += weight * (own + 2 * (sums.products[pair * sums.strata + h] as number));
    }
  }
  return Math.min(2, differing / all);
}

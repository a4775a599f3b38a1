// Re-encodes rows with known probabilities until the order of the ranks within groups is known well enough, and says how well it is known.
// First the golds and a uniform probe; what scores of the probe move by is the unit in which other rows are near to a gold or far from
// it. Rows near golds are drawn more often (strata.ts), in rounds that double up to the budget. After each round the ranks of a
// full re-encode are estimated (rank-estimate.ts) and their order is bounded (agreement-bound.ts); it ends when the bound meets the target.
// The rounds and probabilities are fixed before the first row is drawn. Stopping looks at the sample, so the bound is made to hold in all
// rounds at once; an estimate is unbiased at any one round, not exactly at the one that chance stops at.
// A correction of stale rows is fitted to the golds and the probe, before the first row is drawn. Rows are then compared with what they are
// moved to, so the better it is, the fewer change sides and the less the estimates vary; unbiased they are with any.
import { agreementBound } from './agreement-bound.js';
import { correctionOf, type Correction } from './correct.js';
import { ascending, drawProbe } from './in-order.js';
import type { RankEstimate, RefreshChoice, RefreshInput, RefreshPolicy } from './policy.js';
import { addFlips, emptySums, estimateRanks, type Design } from './rank-estimate.js';
import { flipsOf, sceneOf, type Scene } from './scene.js';
import { drawnOf, stratify } from './strata.js';

/** Looks at the sample; each has twice the rows of the one before, the last what the budget allows. */
const rounds = 5;
/** Strata at most, and rows of each in the first round at least. */
const mostStrata = 8;
const leastDrawn = 4;

export const adaptive: RefreshPolicy = async (input) => {
  const { rows: certain, probe } = certainRows(input);
  const known = new Set(certain);
  const open = input.stale.filter((row) => !known.has(row));
  const left = input.budget - certain.length;
  const hasGolds = input.samples.golds.every((gold) => !open.includes(gold));
  let corrected: Correction | null = null;
  const answer = (drawn: readonly number[], estimate: RankEstimate | null): RefreshChoice => ({
    ...{ rows: ascending([...certain, ...drawn]), probe: ascending(probe), estimate, corrected },
  });
  if (!hasGolds || left < Math.min(open.length, leastDrawn)) return answer([], null);
  const vectors = certain.length === 0 ? new Float32Array(0) : await input.encode(certain);
  corrected = await correctionOf(input, certain, vectors, probe);
  const scene = movedScene(sceneOf(input, certain, vectors), corrected);
  const base = await certainRanks(input, scene, certain, vectors);
  if (open.length === 0) return answer([], exactly(base));
  const { drawn, estimate } = await drawRounds(input, scene, { base, open, left });
  return answer(drawn, estimate);
};

/** The scene with rows as they are served until they are drawn. */
const movedScene = (scene: Scene, corrected: Correction | null): Scene =>
  corrected?.correction == null ? scene : { ...scene, index: { ...scene.index, correction: corrected.correction } };

/** Golds, and then a uniform probe as far as the budget goes. */
function certainRows(input: RefreshInput): { rows: number[]; probe: number[] } {
  const isStale = new Set(input.stale);
  const rows = new Set(input.samples.golds.filter((gold) => isStale.has(gold)).slice(0, input.budget));
  const probe = drawProbe(input).filter((row) => rows.has(row) || (rows.size < input.budget && rows.add(row)));
  return { rows: [...rows], probe };
}

/** Ranks with the certain rows as they are now, and the others as stored. */
async function certainRanks(
  input: RefreshInput,
  scene: Scene,
  rows: readonly number[],
  vectors: Float32Array,
): Promise<Float64Array> {
  const { index, queries, thresholds, excluded } = scene;
  const counts = await input.search.count({ index, queries, thresholds, excluded });
  const ranks = Float64Array.from(counts, (count) => count + 1);
  if (rows.length === 0) return ranks;
  const { queries: samples, signs } = await flipsOf(input, scene, rows, vectors);
  samples.forEach((sample, i) => {
    ranks[sample] = (ranks[sample] as number) + (signs[i] as number);
  });
  return ranks;
}

const exactly = (ranks: Float64Array): RankEstimate => ({
  ranks,
  variances: new Float64Array(ranks.length),
  used: ranks,
  lower: 1,
  isMet: true,
  rounds: 0,
});

async function drawRounds(
  input: RefreshInput,
  scene: Scene,
  { base, open, left }: { base: Float64Array; open: readonly number[]; left: number },
): Promise<{ drawn: number[]; estimate: RankEstimate }> {
  const sizes = Array.from({ length: rounds }, (_, r) =>
    Math.min(open.length, Math.ceil(left / 2 ** (rounds - 1 - r))),
  );
  const most = Math.max(1, Math.min(mostStrata, Math.floor((sizes[0] as number) / leastDrawn)));
  const { excluded: _, ...near } = scene;
  const strata = stratify(open, await input.search.proximities(near), most, input.seed);
  const stratumOf = new Uint8Array(input.index.rows).fill(strata.sizes.length);
  strata.rows.forEach((row, i) => {
    stratumOf[row] = strata.stratum[i] as number;
  });
  const exposures = await input.search.exposures({ ...near, stratumOf, strata: strata.sizes.length });
  const sums = emptySums(base, input.samples.groups, strata.sizes.length);
  for (let round = 1, before = 0; ; round++) {
    const size = sizes[round - 1] as number;
    const rows = strata.rows.slice(before, size);
    if (rows.length > 0) {
      const from = before;
      addFlips(
        sums,
        await flipsOf(input, scene, rows, await input.encode(rows)),
        (place) => strata.stratum[from + place] as number,
      );
    }
    const design = { sizes: strata.sizes, drawn: drawnOf(strata, size), exposures };
    const estimate = estimateAt(input, sums, design, round);
    if (estimate.isMet || round === rounds) return { drawn: strata.rows.slice(0, size), estimate };
    before = size;
  }
}

/** The estimate at a round. */
function estimateAt(
  { index, samples, options }: RefreshInput,
  sums: ReturnType<typeof emptySums>,
  design: Design,
  round: number,
): RankEstimate {
  const estimates = estimateRanks(sums, design);
  const used =
    options.ranks === 'served'
      ? estimates.served
      : estimates.ranks.map((rank) => Math.min(index.rows, Math.max(1, Math.round(rank))));
  // Half of what the target leaves open is for wrong intervals.
  const slack = (1 - options.target) / 2;
  const tail = (slack * (1 - options.confidence)) / rounds;
  const lower = agreementBound({ used, estimates, pairs: sums.pairs, groups: samples.groups, tail, slack });
  const { ranks, variances } = estimates;
  return { ranks, variances, used, lower, isMet: lower >= options.target, rounds: round };
}

// Inputs of refresh policies for tests: a circle whose neighbours are known, and a corpus of random vectors that has drifted.
import { countNotBelow, topRows } from '../../../retrieval/exact-search.js';
import { seededRandom } from '../../../retrieval/random.js';
import { crossFit } from '../../../retrieval/refresh/cross-fit.js';
import { nearestCentres } from '../../../retrieval/refresh/nearest-centres.js';
import type { RefreshInput, RefreshSearch } from '../../../retrieval/refresh/policy.js';
import { exposures, flips, proximities } from '../../../retrieval/refresh/proximity.js';
import { noSamples } from '../../../retrieval/rollouts.js';
import { gatherRows, indexFromVectors, type VectorIndex } from '../../../retrieval/vector-index.js';
import { randomUnitVectors } from '../random-vectors.js';

/** Documents 10 degrees apart; neighbours are rows beside one another. */
export const onCircle = (rows: readonly number[]): Float32Array =>
  Float32Array.from(rows.flatMap((row) => [Math.cos((row * Math.PI) / 18), Math.sin((row * Math.PI) / 18)]));
export const allOnCircle = Array.from({ length: 36 }, (_, row) => row);

export const directSearch: RefreshSearch = {
  top: topRows,
  count: countNotBelow,
  proximities,
  exposures,
  flips,
  centres: nearestCentres,
  fit: crossFit,
};

const options: RefreshInput['options'] = {
  ...{ top: 1, ring: 2, probe: 0, share: 0.5, target: 0.95, confidence: 0.95 },
  ...{ ranks: 'served', correct: 'none', lambda: 1 },
};

type Changes = Partial<Omit<RefreshInput, 'options'>> & { options?: Partial<RefreshInput['options']> };

/** The circle, all stale, rows 30 to 35 older than the others; the gold is row 10, and the one rollout is near row 20. */
export const circleInput = ({ options: own, ...changes }: Changes = {}): RefreshInput => ({
  index: indexFromVectors(onCircle(allOnCircle), 2),
  stale: allOnCircle,
  versionOf: (row) => (row >= 30 ? 0 : 1),
  version: 2,
  budget: 36,
  samples: { ...noSamples, golds: [10], embeddings: onCircle([20.1]), positives: [[10]], places: [0], groups: [0] },
  duplicatesOf: () => [],
  options: { ...options, ...own },
  seed: 1,
  search: directSearch,
  encode: (rows) => Promise.resolve(onCircle(rows)),
  ...changes,
});

export interface Drifted {
  old: VectorIndex;
  full: VectorIndex;
  input: RefreshInput;
}

/**
 * `rows` documents before and after a drift: a common one and one of each row's own, of so much length. Queries come in groups around
 * their gold, which is a document.
 */
export function driftedCorpus(
  size: { rows: number; dimension: number; queries: number; group: number },
  change: { common: number; own: number; spread: number },
  seed = 1,
): Drifted {
  const { rows, dimension, queries, group } = size;
  const before = randomUnitVectors(rows, dimension, seed);
  const common = randomUnitVectors(1, dimension, seed + 1000);
  const own = randomUnitVectors(rows, dimension, seed + 2000);
  const after = before.map(
    (x, i) => x + change.common * (common[i % dimension] as number) + change.own * (own[i] as number),
  );
  normalise(after, dimension);
  const random = seededRandom(seed, 'golds');
  const golds = Array.from({ length: queries }, () => random.below(rows));
  const noise = randomUnitVectors(queries * group, dimension, seed + 3000);
  const embeddings = noise.map((x, i) => {
    const gold = golds[Math.floor(i / dimension / group)] as number;
    return (after[gold * dimension + (i % dimension)] as number) + change.spread * x;
  });
  normalise(embeddings, dimension);
  const groups = Array.from({ length: queries * group }, (_, i) => Math.floor(i / group));
  const samples = {
    embeddings,
    groups,
    positives: groups.map((query) => [golds[query] as number]),
    places: [...groups.keys()],
    golds: [...new Set(golds)],
  };
  const [old, full] = [indexFromVectors(before, dimension), indexFromVectors(after, dimension)];
  const input = circleInput({
    index: old,
    stale: Array.from({ length: rows }, (_, row) => row),
    versionOf: () => 0,
    version: 1,
    budget: Math.round(rows / 10),
    samples,
    encode: (wanted) => Promise.resolve(gatherRows(full, wanted)),
  });
  return { old, full, input };
}

function normalise(vectors: Float32Array, dimension: number): void {
  for (let at = 0; at < vectors.length; at += dimension) {
    const row = vectors.subarray(at, at + dimension);
    const norm = Math.hypot(...row);
    row.forEach((x, i) => {
      row[i] = x / norm;
    });
  }
}

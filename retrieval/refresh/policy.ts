// What a refresh policy is given and what it answers. One file a policy. A policy is a function of its input alone, so it can be run
// along a recorded trajectory as well as in a step: what it may ask for (searches, encodings) is handed in.
import type { CountInput, TopInput, TopOutput } from '../exact-search.js';
import type { ValidSamples } from '../rollouts.js';
import type { VectorIndex } from '../vector-index.js';
import type { Correction } from './correct.js';
import type { FitInput, FittedMap } from './cross-fit.js';
import type { Corrector } from './fit-map.js';
import type { CentresInput } from './nearest-centres.js';
import type { ExposureInput, FlipInput, Flips, ProximityInput } from './proximity.js';

export interface RefreshOptions {
  /** Candidates a rollout. */
  top: number;
  /** Neighbours of each gold and candidate. */
  ring: number;
  /** Share of the budget for the probe. */
  probe: number;
  /** mixture: share of the budget, the probe left out, that goes to the neighbourhood. */
  share: number;
  /** adaptive: the share of pairs within groups that must be in the order of a full re-encode, for it to stop before the budget. */
  target: number;
  /** adaptive: probability with which the bound of that share holds. */
  confidence: number;
  /** adaptive: which ranks the bound is for: those in the refreshed index, or the estimates. */
  ranks: 'served' | 'estimated';
  /** How rows that stay stale are moved before they are searched. */
  correct: Corrector | 'none';
  /** Rows that "nothing moved" weighs as much as, above 0. */
  lambda: number;
}

/** The searches of exact-search.ts and proximity.ts and the fit of a correction, in this thread or in another. */
export interface RefreshSearch {
  top: (input: TopInput) => Promise<TopOutput>;
  count: (input: CountInput) => Promise<Int32Array>;
  proximities: (input: ProximityInput) => Promise<Float64Array>;
  exposures: (input: ExposureInput) => Promise<Float64Array>;
  flips: (input: FlipInput) => Promise<Flips>;
  centres: (input: CentresInput) => Promise<Int32Array>;
  fit: (input: FitInput) => Promise<FittedMap>;
}

/** Vectors of rows by the current encoder, row-major in the order of `rows`. */
export type EncodeRows = (rows: readonly number[]) => Promise<Float32Array>;

export interface RefreshInput {
  /** The rows as they are stored. */
  index: VectorIndex;
  /** Rows whose vectors the current encoder did not make, ascending. Only these are worth encoding. */
  stale: readonly number[];
  /** Refresh that made a row. */
  versionOf: (row: number) => number;
  /** Number of this refresh: above every version of a row. */
  version: number;
  /** Rows at most, 1 at least. */
  budget: number;
  /** This iteration's rollouts; `noSamples` without any. */
  samples: ValidSamples;
  /** Rows with the text of a row, without itself. */
  duplicatesOf: (row: number) => readonly number[];
  options: RefreshOptions;
  seed: number;
  search: RefreshSearch;
  /** For policies that look at some new vectors before they choose the rest; what they ask for must be in their choice. */
  encode: EncodeRows;
}

export interface RefreshChoice {
  /** Rows to encode, ascending. */
  rows: number[];
  /** Those of `rows` that were drawn uniformly from all stale ones, ascending: an unbiased estimate of the drift. */
  probe: number[];
  /** adaptive: what it knows of a full re-encode; null where the budget ended before anything could be said. Others have none. */
  estimate?: RankEstimate | null;
  /** adaptive: the correction that its estimate builds on. Others leave it to run-policy.ts. */
  corrected?: Correction | null;
}

/** What is known of the ranks that a full re-encode would give, one figure a sample. */
export interface RankEstimate {
  /** Unbiased at any round that is fixed beforehand; not whole, and below 1 at times. */
  ranks: Float64Array;
  /** Variance of each. */
  variances: Float64Array;
  /** Ranks that the reward is to use: in the refreshed index, or the estimates as whole numbers from 1 to the number of documents. */
  used: Float64Array;
  /** Lower bound of the share of pairs within groups that `used` puts in the order of a full re-encode. */
  lower: number;
  /** Whether the bound meets the target; if not, the budget ended first. */
  isMet: boolean;
  rounds: number;
}

/** Chooses among stale rows only, `budget` at most. Safe to run twice: the same input gives the same choice. */
export type RefreshPolicy = (input: RefreshInput) => Promise<RefreshChoice>;

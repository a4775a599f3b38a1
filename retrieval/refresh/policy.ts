// What a refresh policy is given and what it answers. One file a policy.
import type { TopInput, TopOutput } from '../exact-search.js';
import type { VectorIndex } from '../vector-index.js';

export interface RefreshInput {
  index: VectorIndex;
  /** Rows whose vectors the current encoder did not make, ascending. Only these are worth encoding. */
  stale: readonly number[];
  /** Refresh that made a row. */
  versionOf: (row: number) => number;
  /** Rows at most. */
  budget: number;
  /** Positives of this iteration's queries. */
  golds: readonly number[];
  /** Embeddings of this iteration's valid rollouts, row-major. */
  embeddings: Float32Array;
  /** Candidates a rollout. */
  top: number;
  /** Neighbours of each gold and candidate. */
  ring: number;
  /** Share of the budget for the probe. */
  probe: number;
  seed: number;
  search: (input: TopInput) => Promise<TopOutput>;
}

export interface RefreshChoice {
  /** Rows to encode, ascending. */
  rows: number[];
  /** Those of `rows` that were drawn uniformly from all stale ones, ascending: an unbiased estimate of the drift. */
  probe: number[];
}

/** Chooses among stale rows only, `budget` at most. Safe to run twice: the same input gives the same choice. */
export type RefreshPolicy = (input: RefreshInput) => Promise<RefreshChoice>;

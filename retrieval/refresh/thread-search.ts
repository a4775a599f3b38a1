// The searches of a refresh in worker threads.
import type { ThreadPool } from '../thread-pool.js';
import type { RefreshSearch } from './policy.js';

/** Searches that run in a pool. */
export const threadSearch = (pool: ThreadPool): RefreshSearch => ({
  top: (input) => pool.run('topRows', input),
  count: (input) => pool.run('countNotBelow', input),
  proximities: (input) => pool.run('proximities', input),
  exposures: (input) => pool.run('exposures', input),
  flips: (input) => pool.run('flips', input),
  centres: (input) => pool.run('nearestCentres', input),
  fit: (input) => pool.run('crossFit', input),
});

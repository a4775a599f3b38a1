// Bootstrap intervals over queries: how much a mean would move with other queries of the same kind.

const resamples = 2000;

/**
 * Mean of some values with the 2.5th and 97.5th percentile of the means of resamples with replacement. The generator is
 * seeded, so that the same values give the same interval. Pure.
 * @param {number[]} values one a query
 * @returns {{ mean: number, low: number, high: number } | null} null without values
 */
export function interval(values, seed = 1) {
  if (values.length === 0) return null;
  const next = generator(seed);
  const means = Array.from({ length: resamples }, () => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw += 1) sum += values[Math.floor(next() * values.length)];
    return sum / values.length;
  }).sort((a, b) => a - b);
  const at = (share) => means[Math.min(resamples - 1, Math.floor(share * resamples))];
  return { mean: meanOf(values), low: at(0.025), high: at(0.975) };
}

/**
 * The interval of the mean difference after - before over the queries that both have: paired, because both saw the same
 * queries. Pure. @param {Map<string, number>} before @param {Map<string, number>} after
 */
export function pairedInterval(before, after, seed = 1) {
  const differences = [...after].flatMap(([query, value]) => (before.has(query) ? [value - before.get(query)] : []));
  return interval(differences, seed);
}

const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** xorshift32: uniform in [0, 1). */
function generator(seed) {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

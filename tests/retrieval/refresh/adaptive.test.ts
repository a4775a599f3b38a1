// The adaptive policy against full re-encodes of a corpus that has drifted: its estimates have no bias, its intervals hold, and so does
// its bound. 200 draws each.
import { beforeAll, describe, expect, it } from 'vitest';
import { orderFidelity } from '../../../retrieval/order-fidelity.js';
import { rewardRanks } from '../../../retrieval/ranks.js';
import type { RankEstimate, RefreshInput } from '../../../retrieval/refresh/policy.js';
import { runPolicy } from '../../../retrieval/refresh/run-policy.js';
import {
  gatherRows,
  indexFromVectors,
  overwriteRows,
  vectorOf,
  type VectorIndex,
} from '../../../retrieval/vector-index.js';
import { directSearch, driftedCorpus, type Drifted } from './refresh-input.js';

const draws = 200;

const ranksIn = (index: VectorIndex, { samples, duplicatesOf }: RefreshInput): Promise<Int32Array> => {
  const { embeddings: queries, positives } = samples;
  return rewardRanks({ index, queries, positives, duplicatesOf }, directSearch.count);
};

async function drawAll(
  { input }: Drifted,
  budget: number,
  options: Partial<RefreshInput['options']>,
): Promise<{ estimate: RankEstimate; rows: number }[]> {
  const found: { estimate: RankEstimate; rows: number }[] = [];
  for (let seed = 0; seed < draws; seed++) {
    const own = { ...input, seed, budget, options: { ...input.options, probe: 0.1, ...options } };
    const { estimate, rows } = await runPolicy('adaptive', own);
    if (estimate == null) throw new Error('the budget ended before anything could be said');
    found.push({ estimate, rows: rows.length });
  }
  return found;
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** How many standard errors the mean of some draws lies from a value. */
function errorsFrom(values: readonly number[], expected: number): number {
  const middle = mean(values);
  const error = Math.sqrt(mean(values.map((x) => (x - middle) ** 2)) / values.length);
  return Math.abs(middle - expected) / Math.max(error, 1e-9);
}

describe('estimates of the ranks of a full re-encode', () => {
  const drifted = driftedCorpus(
    { rows: 240, dimension: 8, queries: 4, group: 4 },
    { common: 0.2, own: 0.2, spread: 1.2 },
  );
  // A group with something that never counts: the row after the gold has its text.
  drifted.input.duplicatesOf = (row) => [(row + 1) % 240];
  let full: Int32Array;
  let found: RankEstimate[];
  beforeAll(async () => {
    full = await ranksIn(drifted.full, drifted.input);
    // A target that is not met, so that all draws are of one size.
    found = (await drawAll(drifted, 72, { target: 0.9999 })).map(({ estimate }) => estimate);
  });

  it('are unbiased, which ranks in the served index are not', () => {
    const biasOf = (ranks: (estimate: RankEstimate) => Float64Array): number[] =>
      [...full.keys()].map((i) => errorsFrom(found.map((one) => ranks(one)[i] as number), full[i] as number)); // prettier-ignore
    expect(Math.max(...biasOf((estimate) => estimate.ranks))).toBeLessThan(4);
    expect(Math.max(...biasOf((estimate) => estimate.used))).toBeGreaterThan(8);
  });

  it('cost the reward its bias, also as whole numbers from 1 on', async () => {
    const options = { target: 0.9999, ranks: 'estimated' as const };
    const used = (await drawAll(drifted, 72, options)).map(({ estimate }) => estimate.used);
    const errorOf = (ranks: Float64Array[]): number =>
      mean([...full].map((rank, i) => Math.abs(mean(ranks.map((one) => one[i] as number)) - rank)));
    const served = errorOf(found.map((one) => one.used));
    expect(errorOf(used)).toBeLessThan(0.1 * served);
    expect(used.flatMap((one) => [...one]).every((rank) => Number.isInteger(rank) && rank >= 1 && rank <= 240)).toBe(
      true,
    );
  });

  it('stay unbiased with a correction of the rows that are not drawn, vary less, and serve less wrong ranks', async () => {
    const moved = (await drawAll(drifted, 72, { target: 0.9999, correct: 'ridge' })).map(({ estimate }) => estimate);
    const bias = [...full].map((rank, i) =>
      errorsFrom(
        moved.map(({ ranks }) => ranks[i] as number),
        rank,
      ),
    );
    expect(Math.max(...bias)).toBeLessThan(4);
    const error = (ranks: Float64Array[]): number =>
      mean(ranks.flatMap((one) => [...full].map((rank, i) => ((one[i] as number) - rank) ** 2)));
    expect(error(moved.map(({ ranks }) => ranks))).toBeLessThan(error(found.map(({ ranks }) => ranks)));
    expect(error(moved.map(({ used }) => used))).toBeLessThan(0.5 * error(found.map(({ used }) => used)));
  });

  it('are within 1.96 standard errors of the truth as often as that should be', () => {
    const covered = found.flatMap(({ ranks, variances }) =>
      [...full].map((rank, i) =>
        Number(Math.abs((ranks[i] as number) - rank) <= 1.96 * Math.sqrt(variances[i] as number)),
      ),
    );
    expect(mean(covered)).toBeGreaterThan(0.94);
  });

  it('are exact where the budget has room for all', async () => {
    const options = { ...drifted.input.options, target: 0.9999 };
    const { estimate, rows } = await runPolicy('adaptive', { ...drifted.input, budget: 240, options });
    expect(rows).toHaveLength(240);
    expect([...(estimate?.ranks ?? [])]).toEqual([...full]);
    expect(estimate).toMatchObject({ isMet: true, lower: 1 });
  });

  it('say which ranks the refreshed index has', async () => {
    const { estimate, rows, vectors } = await runPolicy('adaptive', { ...drifted.input, budget: 72 });
    const served = indexFromVectors(gatherRows(drifted.old, drifted.input.stale), 8);
    overwriteRows(served, rows, vectors, 1);
    expect([...(estimate?.used ?? [])]).toEqual([...(await ranksIn(served, drifted.input))]);
  });
});

describe.each([
  { drift: 'much', common: 0.2, own: 0.2, target: 0.6, ranks: 'served' as const, correct: 'none' as const },
  { drift: 'much', common: 0.2, own: 0.2, target: 0.6, ranks: 'served' as const, correct: 'ridge' as const },
  { drift: 'little', common: 0.02, own: 0.02, target: 0.8, ranks: 'estimated' as const, correct: 'none' as const },
])('the bound after $drift drift, ranks $ranks, correction $correct', ({ common, own, target, ranks, correct }) => {
  it('is below the agreement in 95 % of draws, and meets the target in some', async () => {
    const drifted = driftedCorpus({ rows: 200, dimension: 8, queries: 4, group: 4 }, { common, own, spread: 1.2 }, 3);
    const full = await ranksIn(drifted.full, drifted.input);
    const found = await drawAll(drifted, 180, { target, ranks, correct });
    const holds = found.map(({ estimate }) => {
      const { pairAgreement } = orderFidelity(estimate.used, full, drifted.input.samples.groups);
      return Number(estimate.lower <= (pairAgreement ?? 1) + 1e-12);
    });
    expect(mean(holds)).toBeGreaterThanOrEqual(0.95);
    expect(found.some(({ estimate }) => estimate.isMet)).toBe(true);
    expect(found.every(({ estimate, rows }) => estimate.isMet || rows === 180)).toBe(true);
    expect(found.every(({ estimate }) => estimate.isMet === estimate.lower >= target)).toBe(true);
  });
});

describe('a budget that is too small', () => {
  const { input } = driftedCorpus(
    { rows: 60, dimension: 4, queries: 6, group: 3 },
    { common: 0.1, own: 0.1, spread: 1 },
  );

  it('is spent on golds, and nothing is said', async () => {
    const { rows, estimate } = await runPolicy('adaptive', { ...input, budget: 2 });
    expect(rows).toHaveLength(2);
    expect(input.samples.golds).toEqual(expect.arrayContaining(rows));
    expect(estimate).toBeNull();
  });
});

describe('rows that are no number', () => {
  it('count against every gold until they are drawn', async () => {
    const drifted = driftedCorpus(
      { rows: 60, dimension: 4, queries: 3, group: 3 },
      { common: 0.1, own: 0.1, spread: 1 },
    );
    const index = indexFromVectors(gatherRows(drifted.old, drifted.input.stale), 4);
    for (const row of [7, 8, 9]) vectorOf(index, row).fill(NaN);
    const { estimate } = await runPolicy('adaptive', {
      ...drifted.input,
      index,
      budget: 60,
      options: { ...drifted.input.options, target: 0.9999 },
    });
    expect([...(estimate?.ranks ?? [])]).toEqual([...(await ranksIn(drifted.full, drifted.input))]);
    expect([...(estimate?.ranks ?? [])].every(Number.isFinite)).toBe(true);
  });
});

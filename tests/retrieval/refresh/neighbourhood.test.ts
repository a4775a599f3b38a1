// The neighbourhood policy: who comes first, within the budget, the same for the same seed.
import { describe, expect, it } from 'vitest';
import { topRows } from '../../../retrieval/exact-search.js';
import { neighbourhood } from '../../../retrieval/refresh/neighbourhood.js';
import { budgetRows } from '../../../retrieval/refresh/policies.js';
import type { RefreshInput } from '../../../retrieval/refresh/policy.js';
import { indexFromVectors } from '../../../retrieval/vector-index.js';

// 36 documents on a circle, 10 degrees apart; neighbours are rows beside one another.
const onCircle = (rows: readonly number[]): Float32Array =>
  Float32Array.from(rows.flatMap((row) => [Math.cos((row * Math.PI) / 18), Math.sin((row * Math.PI) / 18)]));
const all = Array.from({ length: 36 }, (_, row) => row);

const input = (changes: Partial<RefreshInput> = {}): RefreshInput => ({
  index: indexFromVectors(onCircle(all), 2),
  stale: all,
  versionOf: (row) => (row >= 30 ? 0 : 1),
  budget: 36,
  golds: [10],
  embeddings: onCircle([20.1]),
  top: 1,
  ring: 2,
  probe: 0,
  seed: 1,
  search: topRows,
  ...changes,
});

describe('neighbourhood', () => {
  it.each([
    [1, [10]],
    [2, [10, 20]],
    [6, [9, 10, 11, 19, 20, 21]],
    [8, [9, 10, 11, 19, 20, 21, 30, 31]],
  ])('with a budget of %i takes golds, then candidates, then the ring, then the oldest', async (budget, expected) => {
    expect((await neighbourhood(input({ budget }))).rows).toEqual(expected);
  });

  it('sets the share of the probe aside and draws it by the seed', async () => {
    const one = await neighbourhood(input({ budget: 8, probe: 0.5 }));
    expect(one.probe).toHaveLength(4);
    expect(one.rows).toHaveLength(8);
    expect(one.rows).toEqual(expect.arrayContaining([10, ...one.probe]));
    expect(await neighbourhood(input({ budget: 8, probe: 0.5 }))).toEqual(one);
    expect((await neighbourhood(input({ budget: 8, probe: 0.5, seed: 2 }))).probe).not.toEqual(one.probe);
  });

  it('draws the probe uniformly', async () => {
    const counts = new Array<number>(36).fill(0);
    for (let seed = 0; seed < 600; seed++) {
      for (const row of (await neighbourhood(input({ budget: 6, probe: 1, seed }))).probe)
        counts[row] = (counts[row] ?? 0) + 1;
    }
    // 100 expected, standard deviation about 9.
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(140);
  });

  it('never takes a fresh row', async () => {
    const stale = all.filter((row) => row !== 10 && row !== 20);
    expect((await neighbourhood(input({ stale }))).rows).toEqual(stale);
  });

  it('does without rollouts that have an embedding', async () => {
    expect((await neighbourhood(input({ budget: 3, embeddings: new Float32Array(0) }))).rows).toEqual([9, 10, 11]);
  });
});

describe('budgetRows', () => {
  it('is a share or a number of documents, at least 1 and at most all', () => {
    expect(budgetRows({ fraction: 0.05 }, 4666)).toBe(233);
    expect(budgetRows({ fraction: 0.001 }, 10)).toBe(1);
    expect(budgetRows({ documents: 50 }, 10)).toBe(10);
  });
});

// What all refresh policies promise, and what each is for.
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../retrieval/random.js';
import { budgetRows, refreshPolicies, type RefreshPolicyName } from '../../../retrieval/refresh/policies.js';
import { runPolicy } from '../../../retrieval/refresh/run-policy.js';
import { gatherRows, indexFromVectors, vectorOf } from '../../../retrieval/vector-index.js';
import { allOnCircle, circleInput, driftedCorpus, onCircle } from './refresh-input.js';

const names = Object.keys(refreshPolicies) as RefreshPolicyName[];
const small = driftedCorpus({ rows: 60, dimension: 4, queries: 3, group: 3 }, { common: 0.3, own: 0.3, spread: 1 });

describe('budgetRows', () => {
  it('is a share or a number of documents, at least 1 and at most all', () => {
    expect(budgetRows({ fraction: 0.05 }, 4666)).toBe(233);
    expect(budgetRows({ fraction: 0.001 }, 10)).toBe(1);
    expect(budgetRows({ docs: 50 }, 10)).toBe(10);
  });
});

describe.each(names)('policy %s', (name) => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'takes stale rows once, ascending, within the budget, the same again, and encodes just those (%i)',
    async (seed) => {
      const random = seededRandom(seed, 'situation');
      const stale = small.input.stale.filter(() => random.below(3) > 0);
      const budget = 1 + random.below(60);
      const probe = [0, 0.2, 1][random.below(3)] as number;
      const index = indexFromVectors(gatherRows(small.old, small.input.stale), 4);
      const broken = 4 * random.below(60);
      vectorOf(index, broken / 4).fill(NaN);
      const asked: number[] = [];
      const encode = (rows: readonly number[]): Promise<Float32Array> => {
        asked.push(...rows);
        return Promise.resolve(gatherRows(small.full, rows));
      };
      const options = { ...small.input.options, probe };
      const input = { ...small.input, index, stale, budget, seed, options, encode };
      const { rows, probe: probed, vectors } = await runPolicy(name, input);
      expect(rows.length).toBeLessThanOrEqual(name === 'full' ? stale.length : budget);
      expect(rows).toEqual([...new Set(rows)].sort((a, b) => a - b));
      expect(stale).toEqual(expect.arrayContaining(rows));
      expect(rows).toEqual(expect.arrayContaining(probed));
      expect(asked.toSorted((a, b) => a - b)).toEqual(rows);
      expect(vectors).toEqual(gatherRows(small.full, rows));
      expect((await runPolicy(name, input)).rows).toEqual(rows);
    },
  );
});

describe('which rows a policy is for', () => {
  const rowsOf = async (name: RefreshPolicyName, changes: Parameters<typeof circleInput>[0]): Promise<number[]> =>
    (await runPolicy(name, circleInput(changes))).rows;

  it('none and frozen take none, full takes every stale row whatever the budget', async () => {
    expect(await rowsOf('none', { budget: 5 })).toEqual([]);
    expect(await rowsOf('frozen', { budget: 5 })).toEqual([]);
    expect(await rowsOf('full', { budget: 5 })).toEqual(allOnCircle);
  });

  it('oldest takes what was encoded longest ago, beside the probe', async () => {
    expect(await rowsOf('oldest', { budget: 7 })).toEqual([0, 30, 31, 32, 33, 34, 35]);
    const { rows, probe } = await runPolicy('oldest', circleInput({ budget: 4, options: { probe: 0.5 } }));
    expect(probe).toHaveLength(2);
    expect(rows.filter((row) => row >= 30).length).toBeGreaterThanOrEqual(2);
  });

  it('random takes every row equally often, and all of them are a probe', async () => {
    const counts = new Array<number>(36).fill(0);
    for (let seed = 0; seed < 600; seed++) {
      const { rows, probe } = await runPolicy('random', circleInput({ budget: 6, seed }));
      expect(probe).toEqual(rows);
      for (const row of rows) counts[row] = (counts[row] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(140);
  });

  it('mixture gives the neighbourhood its share and the oldest the rest', async () => {
    expect(await rowsOf('mixture', { budget: 4 })).toEqual([10, 20, 30, 31]);
    expect(await rowsOf('mixture', { budget: 4, options: { share: 0.25 } })).toEqual([10, 30, 31, 32]);
    expect(await rowsOf('mixture', { budget: 4, options: { share: 0 } })).toEqual([30, 31, 32, 33]);
  });

  it('mixture leaves to the oldest what the neighbourhood does not use', async () => {
    expect(await rowsOf('mixture', { budget: 10, options: { share: 1, ring: 0 } })).toEqual([
      0, 1, 10, 20, 30, 31, 32, 33, 34, 35,
    ]);
  });
});

describe('drift', () => {
  // Rows 0 to 17 move, the others stay.
  const moved = (rows: readonly number[]): Float32Array => onCircle(rows.map((row) => (row < 18 ? row + 3 : row)));
  const half = (changes: Parameters<typeof circleInput>[0]): ReturnType<typeof circleInput> =>
    circleInput({
      versionOf: () => 0,
      budget: 18,
      options: { probe: 0.5 },
      encode: (rows) => Promise.resolve(moved(rows)),
      ...changes,
    });

  it('takes the rows around what the probe saw moving', async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { rows, probe } = await runPolicy('drift', half({ seed }));
      const chosen = rows.filter((row) => !probe.includes(row));
      expect(probe).toHaveLength(9);
      // By chance half of them would be.
      expect(chosen.filter((row) => row < 18).length).toBeGreaterThanOrEqual(7);
    }
  });

  it('takes the older of two rows in surroundings of equal speed', async () => {
    const turned = (rows: readonly number[]): Float32Array => onCircle(rows.map((row) => row + 1));
    const versionOf = (row: number): number => (row % 2 === 0 ? 0 : 9);
    const input = half({ versionOf, version: 10, encode: (rows) => Promise.resolve(turned(rows)) });
    // All have moved equally far, so those of age 1 are ten times as fast: what counts is age times the speed around.
    const { rows, probe } = await runPolicy('drift', { ...input, options: { ...input.options, probe: 0.2 } });
    const chosen = rows.filter((row) => !probe.includes(row));
    expect(chosen.filter((row) => row % 2 === 0).length).toBeGreaterThan(chosen.length * 0.8);
  });

  it('takes a row without a direction first, and is not misled by one in the probe', async () => {
    const index = indexFromVectors(onCircle(allOnCircle), 2);
    for (const row of [20, 25]) vectorOf(index, row).fill(NaN);
    for (const seed of [1, 2, 3])
      expect((await runPolicy('drift', half({ index, seed }))).rows).toEqual(expect.arrayContaining([20, 25]));
  });
});

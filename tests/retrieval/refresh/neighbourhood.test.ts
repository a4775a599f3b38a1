// The neighbourhood policy: who comes first, within the budget, the same for the same seed.
import { describe, expect, it } from 'vitest';
import { neighbourhood } from '../../../retrieval/refresh/neighbourhood.js';
import { noSamples } from '../../../retrieval/rollouts.js';
import { allOnCircle, circleInput } from './refresh-input.js';

describe('neighbourhood', () => {
  it.each([
    [1, [10]],
    [2, [10, 20]],
    [6, [9, 10, 11, 19, 20, 21]],
    [8, [9, 10, 11, 19, 20, 21, 30, 31]],
  ])('with a budget of %i takes golds, then candidates, then the ring, then the oldest', async (budget, expected) => {
    expect((await neighbourhood(circleInput({ budget }))).rows).toEqual(expected);
  });

  it('sets the share of the probe aside and draws it by the seed', async () => {
    const half = { probe: 0.5 };
    const one = await neighbourhood(circleInput({ budget: 8, options: half }));
    expect(one.probe).toHaveLength(4);
    expect(one.rows).toHaveLength(8);
    expect(one.rows).toEqual(expect.arrayContaining([10, ...one.probe]));
    expect(await neighbourhood(circleInput({ budget: 8, options: half }))).toEqual(one);
    expect((await neighbourhood(circleInput({ budget: 8, options: half, seed: 2 }))).probe).not.toEqual(one.probe);
  });

  it('draws the probe uniformly', async () => {
    const counts = new Array<number>(36).fill(0);
    for (let seed = 0; seed < 600; seed++) {
      for (const row of (await neighbourhood(circleInput({ budget: 6, options: { probe: 1 }, seed }))).probe)
        counts[row] = (counts[row] ?? 0) + 1;
    }
    // 100 expected, standard deviation about 9.
    expect(Math.min(...counts)).toBeGreaterThan(60);
    expect(Math.max(...counts)).toBeLessThan(140);
  });

  it('never takes a fresh row', async () => {
    const stale = allOnCircle.filter((row) => row !== 10 && row !== 20);
    expect((await neighbourhood(circleInput({ stale }))).rows).toEqual(stale);
  });

  it('does without rollouts that have an embedding', async () => {
    const samples = { ...noSamples, golds: [10] };
    expect((await neighbourhood(circleInput({ budget: 3, samples }))).rows).toEqual([9, 10, 11]);
  });
});

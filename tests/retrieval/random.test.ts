// Seeded draws.
import { describe, expect, it } from 'vitest';
import { drawWithout, seededRandom } from '../../retrieval/random.js';

describe('seededRandom', () => {
  it('gives each seed and purpose its own repeatable draws', () => {
    const draws = (seed: number, purpose: string): number[] => {
      const random = seededRandom(seed, purpose);
      return Array.from({ length: 4 }, () => random.bits());
    };
    expect(draws(1, 'a')).toEqual(draws(1, 'a'));
    expect(draws(1, 'a')).not.toEqual(draws(2, 'a'));
    expect(draws(1, 'a')).not.toEqual(draws(1, 'b'));
  });

  it('is uniform over a small range', () => {
    const random = seededRandom(5, 'uniform');
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 50_000; i++) counts[random.below(5)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(450);
  });

  it('draws different items, at most all of them', () => {
    const items = [4, 8, 15, 16, 23, 42];
    expect(drawWithout(items, 10, seededRandom(1, 'x')).sort((a, b) => a - b)).toEqual(items);
    expect(new Set(drawWithout(items, 4, seededRandom(2, 'x'))).size).toBe(4);
  });
});

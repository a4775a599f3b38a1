// The bound on pairs that are certified or not, worked out by hand.
import { describe, expect, it } from 'vitest';
import { agreementBound, type BoundInput } from '../../../retrieval/refresh/agreement-bound.js';

/** Groups of 3 samples: pairs (0,1) (0,2) (1,2) of each. */
function input(used: number[], ranks: number[], variance: (pair: number) => number, slack = 0): BoundInput {
  const groups = used.map((_, i) => Math.floor(i / 3));
  const firsts = [...new Set(groups)].map((group) => group * 3);
  const pairs = {
    a: Int32Array.from(firsts.flatMap((first) => [first, first, first + 1])),
    b: Int32Array.from(firsts.flatMap((first) => [first + 1, first + 2, first + 2])),
  };
  const pairVariances = Float64Array.from(pairs.a, (_, pair) => variance(pair));
  const estimates = {
    ranks: Float64Array.from(ranks),
    pairVariances,
    served: new Float64Array(0),
    variances: new Float64Array(0),
  };
  return { used, estimates, pairs, groups, tail: 0.025, slack };
}

describe('agreementBound', () => {
  it('is the share of pairs whose interval leaves no other order', () => {
    // Differences 1, 9 and 8 with a standard deviation of 1: 1 is within 1.96 of 0.
    expect(agreementBound(input([1, 2, 10], [1, 2, 10], () => 1))).toBeCloseTo(2 / 3, 12);
    expect(agreementBound(input([1, 2, 10], [1, 2, 10], () => 0.25))).toBe(1);
  });

  it('does not certify an order that the estimates turn round', () => {
    expect(agreementBound(input([2, 1, 10], [1, 2, 10], () => 0))).toBeCloseTo(2 / 3, 12);
  });

  it('certifies a tie only where less than one rank is between', () => {
    expect(agreementBound(input([1, 1, 9], [1, 1, 9], () => 0.01))).toBe(1);
    expect(agreementBound(input([1, 1, 9], [1, 1, 9], () => 1))).toBeCloseTo(2 / 3, 12);
  });

  it('leaves out groups that surely tie, and not those that may not', () => {
    const ranks = [1, 5, 9, 3, 3, 3];
    expect(agreementBound(input(ranks, ranks, () => 0))).toBe(1);
    expect(agreementBound(input(ranks, ranks, (pair) => (pair < 3 ? 0 : 4)))).toBe(0.5);
    expect(agreementBound(input([3, 3, 3], [3, 3, 3], () => 0))).toBe(1);
  });

  it('gives up a share of all pairs for intervals that are wrong, but not of what is exact', () => {
    const ranks = [1, 5, 9, 1, 5, 9];
    expect(agreementBound(input(ranks, ranks, () => 0.01, 0.25))).toBeCloseTo(0.75, 12);
    expect(agreementBound(input(ranks, ranks, () => 0, 0.25))).toBe(1);
    expect(agreementBound(input(ranks, ranks, (pair) => (pair === 0 ? 0.01 : 0), 0.25))).toBeCloseTo(5 / 6, 12);
  });
});

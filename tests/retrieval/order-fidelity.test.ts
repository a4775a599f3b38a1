// Agreement of ranks within groups, on values worked out by hand.
import { describe, expect, it } from 'vitest';
import { normalisedAgreement, orderFidelity } from '../../retrieval/order-fidelity.js';

describe('orderFidelity', () => {
  it('is 1 for the same ranks', () => {
    const ranks = [1, 2, 3, 5, 5, 1];
    expect(orderFidelity(ranks, ranks, [0, 0, 0, 1, 1, 1])).toEqual({
      pairAgreement: 1,
      spearman: expect.closeTo(1, 12) as number,
      advantageCosine: expect.closeTo(1, 12) as number,
    });
  });

  it('counts pairs in the same order, a tie being an order of its own', () => {
    // Pairs: (1,2) kept, (1,3) kept, (2,3) is a tie among the used ranks and not in the full ones.
    expect(orderFidelity([1, 4, 4], [1, 2, 3], [0, 0, 0]).pairAgreement).toBeCloseTo(2 / 3, 12);
  });

  it('pools pairs over groups, and leaves out groups whose full ranks are all equal', () => {
    const used = [1, 2, 2, 1, 1, 9];
    const full = [1, 2, 1, 2, 7, 7];
    expect(orderFidelity(used, full, [0, 0, 1, 1, 2, 2])).toMatchObject({ pairAgreement: 0.5, spearman: 0 });
  });

  it('has the correlation of mean places in ties, and 0 for a group whose used ranks are all equal', () => {
    // Places 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
    expect(orderFidelity([1, 3, 3, 9], [1, 2, 3, 4], [0, 0, 0, 0]).spearman).toBeCloseTo(4.5 / Math.sqrt(22.5), 12);
    expect(orderFidelity([3, 3], [1, 2], [0, 0])).toMatchObject({ spearman: 0, advantageCosine: null });
  });

  it('has the cosine of the advantages', () => {
    // Rewards 1, .5 and .5, 1: advantages 1, -1 and -1, 1; a second group that agrees.
    expect(orderFidelity([1, 3], [3, 1], [0, 0]).advantageCosine).toBeCloseTo(-1, 12);
    expect(orderFidelity([1, 3, 1, 3], [3, 1, 1, 3], [0, 0, 1, 1]).advantageCosine).toBeCloseTo(0, 12);
  });

  it('takes estimates that are not whole', () => {
    expect(orderFidelity([1.5, 1.2], [2, 1], [0, 0]).pairAgreement).toBe(1);
  });

  it('is unknown where no group counts', () => {
    expect(orderFidelity([1, 2, 3], [4, 4, 1], [0, 0, 1]).pairAgreement).toBeNull();
  });
});

describe('normalisedAgreement', () => {
  it('is 0 for no better than no refresh and 1 for a full one, and counts only where that leaves something', () => {
    expect(normalisedAgreement(0.8, 0.6)).toBeCloseTo(0.5, 12);
    expect(normalisedAgreement(0.5, 0.6)).toBeCloseTo(-0.25, 12);
    expect(normalisedAgreement(0.95, 0.9)).toBeNull();
    expect(normalisedAgreement(null, 0.6)).toBeNull();
  });
});

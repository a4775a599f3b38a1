// Which groups stay of rollouts that were oversampled.
import { describe, expect, it } from 'vitest';
import { chooseGroups, differing } from '../../retrieval/informative-groups.js';

describe('differing', () => {
  it('tells groups whose values differ by more than rounding', () => {
    expect(differing([1, 1, 0, 1, 0.5, 0.5 + 1e-9, -2, 0], 2)).toEqual([false, true, false, true]);
  });
});

describe('chooseGroups', () => {
  const differs = [false, true, true, false, true];

  it('keeps the first that differ, in their order, and counts the others', () => {
    expect(chooseGroups(differs, 2)).toEqual({ kept: [1, 2], equal: 2, surplus: 1 });
    expect(chooseGroups(differs, 4)).toEqual({ kept: [1, 2, 4], equal: 2, surplus: 0 });
  });

  it('keeps all where nothing was oversampled', () => {
    expect(chooseGroups(differs, null)).toEqual({ kept: [0, 1, 2, 3, 4], equal: 2, surplus: 0 });
  });

  it('keeps the first where none differs, so that the loop goes on', () => {
    expect(chooseGroups([false, false, false], 2)).toEqual({ kept: [0, 1], equal: 3, surplus: 0 });
  });
});

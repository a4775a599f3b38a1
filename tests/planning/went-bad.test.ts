import { describe, expect, it } from 'vitest';
import { nearerToBad, wentBad } from '../../planning/went-bad.js';

const values = (...list: (number | null)[]) => list.map((value, index) => ({ index, value }));
const low = (value: number): boolean => value < 0.5;
const verdict = (...list: (number | null)[]) => {
  const { good, bad, recovered, isGoodAtEnd } = wentBad(values(...list), low);
  return [good?.index ?? null, bad?.index ?? null, recovered.map(({ index }) => index), isGoodAtEnd];
};

describe('the iteration at which a metric went bad', () => {
  it('is the first bad one after the last good one', () => {
    expect(verdict(0.9, 0.8, 0.4, 0.3)).toEqual([1, 2, [], false]);
  });

  it('is none where all is good, and the first where all is bad', () => {
    expect(verdict(0.9, 0.8)).toEqual([1, null, [], true]);
    expect(verdict(0.1, 0.2)).toEqual([null, 0, [], false]);
    expect(verdict()).toEqual([null, null, [], true]);
  });

  it('tells what was bad before and recovered', () => {
    expect(verdict(0.9, 0.4, 0.8, 0.3, 0.2)).toEqual([2, 3, [1], false]);
  });

  it('tells that it is good again at the end', () => {
    expect(verdict(0.9, 0.4, 0.3, 0.8)).toEqual([0, 1, [], true]);
  });

  it('counts what is no number as bad', () => {
    expect(verdict(0.9, null, null)).toEqual([0, 1, [], false]);
  });
});

describe('what is nearer to a bad value', () => {
  it('lies beyond the middle, on either side', () => {
    expect([0.7, 0.3].map((value) => nearerToBad(0.9, 0.1)?.(value))).toEqual([false, true]);
    expect([0.7, 0.3].map((value) => nearerToBad(0.1, 0.9)?.(value))).toEqual([true, false]);
  });

  it('cannot be told where the two are the same', () => {
    expect(nearerToBad(0.5, 0.5)).toBe(null);
  });
});

import { describe, expect, it } from 'vitest';
import { parseDuration, parseEvery } from '../../compiler/durations.js';

describe('a duration', () => {
  it.each([
    ['90s', 90_000],
    ['15m', 900_000],
    ['2h30m', 9_000_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['1d', 86_400_000],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '90', 'm', '5 minutes', '30m2h', '-1s', '1h1h', '99999999999999999d'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe('a checkpoint interval', () => {
  it('is a number of steps or a duration', () => {
    expect(parseEvery('50 steps')).toEqual({ everySteps: 50, everyMs: null });
    expect(parseEvery('1 step')).toEqual({ everySteps: 1, everyMs: null });
    expect(parseEvery('2m')).toEqual({ everySteps: null, everyMs: 120_000 });
    expect([parseEvery('0 steps'), parseEvery('0s'), parseEvery('often')]).toEqual([null, null, null]);
  });
});

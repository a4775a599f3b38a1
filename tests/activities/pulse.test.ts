import { describe, expect, it, vi } from 'vitest';
import { countAttempts, readPulse, startPulse, stoppedAttempt, type PulseDetails } from '../../activities/pulse.js';

const details = (change: Partial<PulseDetails> = {}): PulseDetails => ({
  step: null,
  total: null,
  text: '',
  metrics: {},
  checkpointStep: null,
  attempt: 1,
  attemptsWithoutProgress: 1,
  startedFrom: null,
  ...change,
});

describe('attempts without a newer checkpoint', () => {
  it.each([
    ['the first one is the first', { attempt: 1, newest: null, last: null }, 1],
    ['those without a heartbeat count', { attempt: 3, newest: null, last: null }, 3],
    ['one more after each', { attempt: 4, newest: null, last: details({ attempt: 3, attemptsWithoutProgress: 2 }) }, 3],
    [
      'also after one that died at once',
      { attempt: 5, newest: null, last: details({ attempt: 3, attemptsWithoutProgress: 1 }) },
      3,
    ],
    [
      'a first checkpoint starts afresh',
      { attempt: 5, newest: 0, last: details({ attempt: 4, attemptsWithoutProgress: 3 }) },
      1,
    ],
    ['a newer checkpoint starts afresh', { attempt: 5, newest: 20, last: details({ attempt: 4, startedFrom: 10 }) }, 1],
    ['the same checkpoint does not', { attempt: 5, newest: 10, last: details({ attempt: 4, startedFrom: 10 }) }, 2],
  ])('%s', (_, now, expected) => {
    expect(countAttempts(now)).toBe(expected);
  });

  it('are read from a heartbeat only if it is one of ours', () => {
    expect(readPulse(details())).toEqual(details());
    expect(readPulse({ progress: 0.5 })).toBe(null);
    expect(readPulse(undefined)).toBe(null);
  });
});

describe('a pulse', () => {
  it('beats by a timer, whatever the step does, until it is stopped', () => {
    vi.useFakeTimers();
    const sent: PulseDetails[] = [];
    const pulse = startPulse(details(), 1_500, (beat) => sent.push(beat));
    pulse.details.metrics['loss'] = 1;
    vi.advanceTimersByTime(1_500);
    pulse.details.metrics['loss'] = 2;
    vi.advanceTimersByTime(1_500);
    pulse.stop();
    vi.advanceTimersByTime(10_000);
    expect(sent.map(({ metrics }) => metrics['loss'])).toEqual([1, 2]);
    vi.useRealTimers();
  });
});

describe('where the watch of a dead attempt stopped', () => {
  const time = { lost: {}, cause: null, isWorking: true, sinceMs: 100, redoMs: 0, startedMs: 50 };

  it('is its last heartbeat, or the checkpoint that it wrote after that', () => {
    const last = details({ time, atMs: 200, endedAs: null });
    expect(stoppedAttempt(last, 90)).toEqual({ state: time, atMs: 200, endedAs: null });
    expect(stoppedAttempt(last, 150)).toEqual({ state: { ...time, sinceMs: 150 }, atMs: 200, endedAs: null });
    expect(stoppedAttempt(last, 900)).toEqual({ state: { ...time, sinceMs: 900 }, atMs: 900, endedAs: null });
  });

  it('is not known from the heartbeat of an older worker', () => {
    expect(stoppedAttempt(details(), 900)).toBe(null);
    expect(stoppedAttempt(null, null)).toBe(null);
  });
});

import { describe, expect, it } from 'vitest';
import { startStopwatch, vanishedAs, type StoppedAttempt } from '../../activities/stopwatch.js';

let now = 0;
const clock = (): number => now;
const at = (ms: number): void => void (now = ms);
const times = { scheduledMs: 0, startToCloseMs: 3_600_000, heartbeatMs: 10_000 };
const first = () => startStopwatch({ ...times, number: 1 }, null, clock);
const next = (number: number, last: StoppedAttempt | null) => startStopwatch({ ...times, number }, last, clock);

/** The last heartbeat of an attempt, `at`; it may have gone on a little longer. */
const heartbeat = (watch: ReturnType<typeof first>, atMs: number, endedAs: string | null = null): StoppedAttempt => ({
  state: JSON.parse(JSON.stringify(watch.state)) as StoppedAttempt['state'],
  atMs,
  endedAs,
});

/** An attempt that works from 1 s on and keeps a checkpoint of what was done until 4 s. */
function worksUntil(ms: number): ReturnType<typeof first> {
  at(0);
  const watch = first();
  watch.ready();
  at(1_000);
  watch.works();
  at(5_000);
  watch.safe(4_000);
  at(ms);
  return watch;
}

describe('what the time of a step goes to', () => {
  it('is nothing lost when nothing happens', () => {
    expect(worksUntil(9_000).lost()).toEqual({});
  });

  it('after a kill: the work after the last checkpoint, and the time until the work goes on', () => {
    const dead = heartbeat(worksUntil(9_000), 9_000);
    at(19_500);
    const watch = next(2, dead);
    watch.ready();
    at(20_000);
    watch.works();
    at(30_000);
    expect(watch.lost()).toEqual({ worker_lost: { recomputed: 5, waiting: 11 } });
  });

  it('after a failure: under its class, the backoff included', () => {
    const failed = heartbeat(worksUntil(9_000), 9_000, 'comm');
    at(12_000);
    const watch = next(2, failed);
    expect(watch.lost()).toEqual({ comm: { recomputed: 0, waiting: 3 } }); // not done again yet, and perhaps never
    watch.works();
    expect(watch.lost()).toEqual({ comm: { recomputed: 5, waiting: 3 } });
  });

  it('adds up over attempts that fail for different reasons', () => {
    const killed = heartbeat(worksUntil(9_000), 9_000);
    at(20_000);
    const second = next(2, killed);
    second.works();
    at(23_000);
    const third = next(3, heartbeat(second, 23_000, 'preempted'));
    at(24_000);
    third.works();
    expect(third.lost()).toEqual({
      worker_lost: { recomputed: 5, waiting: 11 },
      preempted: { recomputed: 3, waiting: 1 },
    });
  });

  it('keeps what is still to be done again over an attempt that dies before it begins', () => {
    const killed = heartbeat(worksUntil(9_000), 9_000);
    at(20_000);
    const second = next(2, killed);
    const third = next(3, heartbeat(second, 21_000, 'store_unavailable'));
    at(25_000);
    third.works();
    expect(third.lost()).toEqual({
      worker_lost: { recomputed: 0, waiting: 12 },
      store_unavailable: { recomputed: 5, waiting: 4 },
    });
  });

  it('counts one that died before its first heartbeat as a lost worker', () => {
    at(30_000);
    const watch = next(2, null);
    watch.works();
    expect(watch.lost()).toEqual({ worker_lost: { recomputed: 0, waiting: 30 } });
  });
});

describe('waiting', () => {
  it('for a slot counts from a second on, for a claim always', () => {
    at(800);
    const quick = first();
    quick.ready();
    expect(quick.lost()).toEqual({});
    at(7_000);
    const slow = first();
    at(8_000);
    slow.ready();
    slow.waits();
    at(8_200);
    slow.waits();
    at(8_400);
    slow.ready();
    slow.works();
    expect(slow.lost()).toEqual({
      slot: { recomputed: 0, waiting: 8 },
      claim: { recomputed: 0, waiting: 0.4 },
    });
  });

  it('counts until now when the step ends without work', () => {
    at(500);
    const watch = first();
    watch.ready();
    watch.waits();
    at(3_500);
    expect(watch.lost()).toEqual({ claim: { recomputed: 0, waiting: 3 } });
  });
});

describe('an attempt that vanished', () => {
  const { state } = worksUntil(5_000);
  it.each([
    ['a lost worker, when its heartbeats ended first', 3_600_000, 'worker_lost'],
    ['out of time, when its time was over first', 14_000, 'timeout'],
  ])('was %s', (_, startToCloseMs, expected) => {
    expect(vanishedAs({ ...times, number: 1, startToCloseMs }, { state, atMs: 5_000 })).toBe(expected);
  });
});

// Where a metric of a loop went bad: over all that is recorded, so that what is not monotonic is seen. Pure.

export interface Measured {
  /** Of the iteration. */
  index: number;
  /** Null: it was no number. */
  value: number | null;
}

export interface WentBad {
  /** The last good one before it went bad, and the first bad one after that; null where there is none. */
  good: Measured | null;
  bad: Measured | null;
  /** Bad ones before `good`: it had recovered from them. */
  recovered: Measured[];
  /** Whether it was good again at the end: then `bad` is the last time that it went bad. */
  isGoodAtEnd: boolean;
}

/** The last change from good to bad. What is no number is bad. */
export function wentBad(points: readonly Measured[], isBad: (value: number) => boolean): WentBad {
  const bad = points.map(({ value }) => value === null || isBad(value));
  const lastBad = bad.lastIndexOf(true);
  if (lastBad === -1) return { good: points.at(-1) ?? null, bad: null, recovered: [], isGoodAtEnd: true };
  let first = lastBad;
  while (first > 0 && bad[first - 1] === true) first -= 1;
  return {
    good: points[first - 1] ?? null,
    bad: points[first] ?? null,
    recovered: points.slice(0, first).filter((_, at) => bad[at] === true),
    isGoodAtEnd: lastBad < points.length - 1,
  };
}

/** What is nearer to a bad value than to a good one is bad. Null when the two do not differ. */
export function nearerToBad(good: number, bad: number): ((value: number) => boolean) | null {
  if (good === bad) return null;
  const middle = (good + bad) / 2;
  return bad < good ? (value) => value < middle : (value) => value > middle;
}

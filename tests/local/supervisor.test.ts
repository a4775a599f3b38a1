// When a service that ended is started again. That it is, by real processes: supervision.test.ts.
import { expect, it } from 'vitest';
import { backoffAfter } from '../../local/supervisor.js';

/** The waits of a service that lives so long each time. */
const waits = (lives: readonly number[]): number[] => {
  const found: number[] = [];
  for (const lived of lives) found.push(backoffAfter(lived, found.at(-1) ?? null));
  return found;
};

it('a service that cannot start is tried less and less often, twice a minute in the end', () => {
  expect(waits(Array(10).fill(500))).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

it('one that worked is started again at once, however often it is killed', () => {
  expect(waits(Array(10).fill(20_000))).toEqual(Array(10).fill(250));
  expect(waits([500, 500, 500, 20_000, 500])).toEqual([250, 500, 1000, 250, 500]);
});

// The lost-time ledger: seconds that faults and waiting cost, by cause, and seconds that the cache saved.
// Kept in three places that add up: the heartbeat of an attempt, the state of a workflow, the run record.
import type { RunRecord } from './generated/records.js';

/** By cause: a failure class, or one of `waits`. */
export type LostTime = RunRecord['lost'];
export type LostSeconds = LostTime[string];

/** Causes of waiting that are no failure. */
export const waits = {
  /** No worker or no trainer was free. */
  slot: 'slot',
  /** Another run, or another step, worked at the same key. */
  claim: 'claim',
} as const;

export interface Ledger {
  lost: LostTime;
  /** Seconds that the results taken from the cache took when they were made. */
  saved: number;
}

export const emptyLedger = (): Ledger => ({ lost: {}, saved: 0 });

/** With more seconds under a cause; nothing changes where there are none. Pure. */
export function addLost(lost: LostTime, cause: string, more: Partial<LostSeconds>): LostTime {
  const { recomputed = 0, waiting = 0 } = more;
  if (recomputed <= 0 && waiting <= 0) return lost;
  const before = lost[cause] ?? { recomputed: 0, waiting: 0 };
  const sum = { recomputed: plus(before.recomputed, recomputed), waiting: plus(before.waiting, waiting) };
  return { ...lost, [cause]: sum };
}

/** Two ledgers as one; an absent one counts as empty. Pure. */
export function addLedgers(ledger: Ledger, more: Partial<Ledger>): Ledger {
  const causes = Object.entries(more.lost ?? {});
  return {
    lost: causes.reduce((lost, [cause, seconds]) => addLost(lost, cause, seconds), ledger.lost),
    saved: plus(ledger.saved, more.saved ?? 0),
  };
}

/** Only what is in it, for records and answers: nothing for an empty ledger. Pure. */
export const filledLedger = ({ lost, saved }: Ledger): Partial<Ledger> => ({
  ...(Object.keys(lost).length === 0 ? {} : { lost }),
  ...(saved === 0 ? {} : { saved }),
});

/** Whether a value from a heartbeat or a failure is a LostTime. Pure. */
export const isLostTime = (value: unknown): value is LostTime =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every(
    (one: unknown) =>
      typeof one === 'object' &&
      one !== null &&
      'recomputed' in one &&
      'waiting' in one &&
      typeof one.recomputed === 'number' &&
      typeof one.waiting === 'number',
  );

/** To milliseconds, below zero (clocks of two hosts differ) as zero. */
const plus = (a: number, b: number): number => Math.round((a + Math.max(0, b)) * 1000) / 1000;

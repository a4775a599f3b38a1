import { describe, expect, it } from 'vitest';
import { addLedgers, addLost, emptyLedger, filledLedger, isLostTime } from '../../schemas/lost-time.js';

describe('the lost-time ledger', () => {
  it('adds up by cause, and does not count what clocks that differ make negative', () => {
    const once = addLost({}, 'worker_lost', { recomputed: 1.5, waiting: 10 });
    const twice = addLost(addLost(once, 'worker_lost', { recomputed: 0.1, waiting: -3 }), 'slot', { waiting: 2 });
    expect(twice).toEqual({
      worker_lost: { recomputed: 1.6, waiting: 10 },
      slot: { recomputed: 0, waiting: 2 },
    });
    expect(addLost(twice, 'comm', { recomputed: 0, waiting: -1 })).toBe(twice);
  });

  it('is put together from those of steps and loops, and says nothing when it is empty', () => {
    const lost = { claim: { recomputed: 0, waiting: 4 } };
    const sum = addLedgers(addLedgers(emptyLedger(), { lost, saved: 60 }), { lost, saved: 0.5 });
    expect(sum).toEqual({ lost: { claim: { recomputed: 0, waiting: 8 } }, saved: 60.5 });
    expect(filledLedger(emptyLedger())).toEqual({});
    expect(addLedgers(sum, {})).toEqual(sum);
  });

  it('is told from anything else that a heartbeat may hold', () => {
    expect([isLostTime({}), isLostTime({ slot: { recomputed: 0, waiting: 1 } })]).toEqual([true, true]);
    expect([isLostTime(null), isLostTime({ slot: 3 }), isLostTime({ slot: { waiting: '1', recomputed: 0 } })]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

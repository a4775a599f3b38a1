import { expect, it } from 'vitest';
import { lostLine } from '../../cli/lost-text.js';

it('says in one line what was lost, the most first, and what the cache saved', () => {
  const lost = {
    preempted: { recomputed: 0, waiting: 5 },
    worker_lost: { recomputed: 31, waiting: 11 },
    claim: { recomputed: 0, waiting: 0.2 },
  };
  expect(lostLine({ lost, saved: 720 })).toBe(
    'lost 47.0 s: 31.0 s computed again and 11.0 s waiting after a lost worker, 5.0 s waiting after the machine was taken away; saved 12m00s by the cache',
  );
});

it('says nothing when there is nothing worth a word', () => {
  expect(lostLine({ lost: {} })).toBe(null);
  expect(lostLine({ lost: { comm: { recomputed: 0.3, waiting: 0.4 } }, saved: 0.2 })).toBe(null);
  expect(lostLine({ lost: {}, saved: 61 })).toBe('saved 1m01s by the cache');
});

import { describe, expect, test } from 'vitest';
import { acquireClaim, readClaim, releaseClaim, renewClaim } from '../../store/claims.js';
import type { Acquired, ClaimOwner } from '../../store/claims.js';
import { names } from '../../store/store.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const one: ClaimOwner = { key: 'k', holder: 'train', run: 'demo/one', attempt: '1' };
const two: ClaimOwner = { key: 'k', holder: 'train', run: 'demo/two', attempt: '1' };
const acquire = (owner: ClaimOwner, now: number): Promise<Acquired> =>
  acquireClaim(bench().store, { ...owner, now, renewEveryMs: 1000 });
const renew = (owner: ClaimOwner, now: number): Promise<boolean> => renewClaim(bench().store, { ...owner, now });

describe('a claim', () => {
  test('is held by the first, who is named to others with the time to ask again', async () => {
    expect(await acquire(one, 10_000)).toMatchObject({ state: 'acquired' });
    expect(await acquire(two, 10_500)).toEqual({ state: 'held', holder: 'train', run: 'demo/one', retryAfterMs: 2501 });
  });

  test('is free after three missed renewals and not before', async () => {
    await acquire(one, 0);
    expect(await acquire(two, 3000)).toMatchObject({ state: 'held', retryAfterMs: 1 });
    expect(await acquire(two, 3001)).toMatchObject({ state: 'acquired' });
    expect(await acquire(one, 3500)).toMatchObject({ state: 'held', run: 'demo/two' });
  });

  test('lasts as long as it is renewed', async () => {
    await acquire(one, 0);
    for (let now = 1000; now <= 60_000; now += 1000) expect(await renew(one, now)).toBe(true);
    expect(await acquire(two, 62_999)).toMatchObject({ state: 'held' });
    expect(await acquire(two, 63_001)).toMatchObject({ state: 'acquired' });
  });

  test('that was taken over cannot be renewed or released by the one who lost it', async () => {
    await acquire(one, 0);
    await acquire(two, 5000);
    expect(await renew(one, 5001)).toBe(false);
    await releaseClaim(bench().store, one);
    expect(await readClaim(bench().store, 'k')).toMatchObject({ run: 'demo/two', released: false });
    expect(await renew(two, 5002)).toBe(true);
  });

  test('that was released is free at once', async () => {
    await acquire(one, 0);
    await releaseClaim(bench().store, one);
    expect(await renew(one, 1)).toBe(false);
    expect(await acquire(two, 2)).toMatchObject({ state: 'acquired' });
  });

  test('is taken over at once by a retry of the same step in the same run, and the earlier attempt has lost it', async () => {
    await acquire(one, 0);
    const retry = { ...one, attempt: '2' };
    expect(await acquire(retry, 100)).toMatchObject({ state: 'acquired' });
    expect(await renew(one, 200)).toBe(false);
    expect(await renew(retry, 200)).toBe(true);
  });

  test('whose record is damaged is free', async () => {
    await bench().store.createIfAbsent(names.claim('k'), 'half');
    expect(await renew(one, 0)).toBe(false);
    expect(await acquire(one, 0)).toMatchObject({ state: 'acquired' });
    expect(await renew(one, 1)).toBe(true);
  });

  test('that nobody ever made cannot be renewed, and its release is no error', async () => {
    expect(await renew(one, 0)).toBe(false);
    await releaseClaim(bench().store, one);
    expect(await readClaim(bench().store, 'k')).toBeNull();
  });

  test.each([0, 10_000])(
    'goes to one of ten runs that want it at the same time (%i ms after the holder died)',
    async (now) => {
      if (now > 0) await acquire(one, 0);
      const rivals = Array.from({ length: 10 }, (_, index) => ({ ...two, run: `demo/${index}` }));
      const answers = await Promise.all(rivals.map((rival) => acquire(rival, now)));
      expect(answers.filter(({ state }) => state === 'acquired')).toHaveLength(1);
      const winner = answers.findIndex(({ state }) => state === 'acquired');
      expect(await readClaim(bench().store, 'k')).toMatchObject({ run: `demo/${winner}` });
    },
  );
});

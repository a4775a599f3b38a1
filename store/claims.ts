// Claims: at most one run works at a step key at a time. A claim is a convenience, never the safety: commits are
// first-wins without it. It is renewed while the step runs and may be taken over after three missed renewals.
import type { Claim } from '../schemas/generated/records.js';
import { parseIntact, recordBytes } from './record-json.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

const MISSED_RENEWALS = 3;
/** What a damaged claim counts as: nobody's. */
const FREE: Claim = {
  schema: 1,
  key: '',
  holder: '',
  run: '',
  attempt: '',
  renewedAt: 0,
  renewEveryMs: 0,
  released: true,
};

/** Who works at a step key. A retry with the same holder and run takes over its own claim at once, so the step path is a good holder. */
export interface ClaimOwner {
  key: string;
  holder: string;
  run: string;
  attempt: string;
}

export type Acquired = { state: 'acquired' } | { state: 'held'; holder: string; run: string; retryAfterMs: number };

/**
 * Claims a key at the time `now` (milliseconds since the epoch) or says who holds it and when to ask again.
 * `renewEveryMs` is the holder's promise; three missed ones free the claim.
 */
export async function acquireClaim(
  store: ObjectStore,
  request: ClaimOwner & { now: number; renewEveryMs: number },
): Promise<Acquired> {
  const { now, ...owner } = request;
  const name = names.claim(request.key);
  const body = recordBytes({ schema: 1, ...owner, renewedAt: now, released: false } satisfies Claim);
  for (;;) {
    // Lost with the machine, it is lost with who held it: no need to wait for the disk.
    if (await store.createIfAbsent(name, body, { flush: false })) return { state: 'acquired' };
    const current = await store.getVersioned(name);
    if (current === null) continue; // removed in between
    const claim = parseIntact('claim', current.body, name) ?? FREE;
    if (isOwn(claim, request) && !claim.released && claim.renewedAt === now) return { state: 'acquired' };
    const freeAt = claim.renewedAt + MISSED_RENEWALS * claim.renewEveryMs;
    const mine = claim.holder === request.holder && claim.run === request.run;
    if (!claim.released && !mine && now <= freeAt)
      return { state: 'held', holder: claim.holder, run: claim.run, retryAfterMs: freeAt - now + 1 };
    await store.compareAndSwap(name, current.etag, body); // whether it was won shows in the next round
  }
}

/** Says at the time `now` that the holder still works. False = the claim was lost to another one. */
export async function renewClaim(store: ObjectStore, owner: ClaimOwner & { now: number }): Promise<boolean> {
  return change(store, owner, (claim) => ({ ...claim, renewedAt: owner.now }));
}

/** Frees the claim, if it is still this owner's. */
export async function releaseClaim(store: ObjectStore, owner: ClaimOwner): Promise<void> {
  await change(store, owner, (claim) => ({ ...claim, released: true }));
}

/** The claim on a key, released ones included; null when the key was never claimed. */
export async function readClaim(store: ObjectStore, key: string): Promise<Claim | null> {
  const body = await store.get(names.claim(key));
  return body === null ? null : parseIntact('claim', body, names.claim(key));
}

async function change(store: ObjectStore, owner: ClaimOwner, next: (claim: Claim) => Claim): Promise<boolean> {
  const name = names.claim(owner.key);
  for (;;) {
    const current = await store.getVersioned(name);
    if (current === null) return false;
    const claim = parseIntact('claim', current.body, name) ?? FREE;
    if (!isOwn(claim, owner) || claim.released) return false;
    if (await store.compareAndSwap(name, current.etag, recordBytes(next(claim)))) return true;
  }
}

const isOwn = (claim: Claim, owner: ClaimOwner): boolean =>
  claim.holder === owner.holder && claim.run === owner.run && claim.attempt === owner.attempt;

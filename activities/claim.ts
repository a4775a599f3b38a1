// Holding the claim on a step key while it is worked at, so that two runs do not compute the same thing.
// Owns: the renewals. Does not own: who may commit (the first, with or without a claim).
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireClaim, releaseClaim, renewClaim, type ClaimOwner } from '../store/claims.js';
import type { Host } from './host.js';

/** A run as claims name it. Pure. */
export const claimRun = (run: { workflowId: string; runId: string }): string => `${run.workflowId}/${run.runId}`;

export interface HeldClaim {
  /** Aborted when another one has taken the claim over. */
  lost: AbortSignal;
  /** Whether somebody else held it first. */
  waited: boolean;
  /** Stops renewing and frees the claim; a store out of reach frees it by time. */
  release(): Promise<void>;
  /** Stops renewing and leaves the claim as it is: enough once a result stands, which everybody looks at first. */
  leave(): void;
}

/**
 * Claims a key, or waits until `isDone` says that nothing is left to do (null is returned then). `waiting` is told who
 * holds it. Fails with the signal's reason, or with what the store fails with.
 */
export async function claimOrWait(
  host: Host,
  owner: ClaimOwner,
  wait: { isDone: () => Promise<boolean>; waiting: (holder: string) => void; signal: AbortSignal },
): Promise<HeldClaim | null> {
  for (let waited = false; ; waited = true) {
    const claim = await acquireClaim(host.store, { ...owner, now: host.clock(), renewEveryMs: host.claimEveryMs });
    if (claim.state === 'acquired') return { ...keepClaim(host, owner), waited };
    if (await wait.isDone()) return null;
    wait.waiting(`${claim.holder} of the run ${claim.run}`);
    await sleep(Math.min(host.claimPollMs, claim.retryAfterMs));
    wait.signal.throwIfAborted();
  }
}

function keepClaim(host: Host, owner: ClaimOwner): Omit<HeldClaim, 'waited'> {
  const lost = new AbortController();
  const renew = async (): Promise<void> => {
    try {
      if (!(await renewClaim(host.store, { ...owner, now: host.clock() }))) lost.abort(new Error('claim lost'));
    } catch {
      // The store is out of reach: the next renewal may succeed, and a commit needs the store anyway.
    }
  };
  const timer = setInterval(() => void renew(), host.claimEveryMs);
  return {
    lost: lost.signal,
    leave: () => clearInterval(timer),
    async release() {
      clearInterval(timer);
      await releaseClaim(host.store, owner).catch(() => undefined);
    },
  };
}

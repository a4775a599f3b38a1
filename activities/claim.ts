// Holding the claim on a step key while it is worked at, so that two runs do not compute the same thing.
// Owns: the renewals. Does not own: who may commit (the first, with or without a claim).
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireClaim, releaseClaim, renewClaim, type ClaimOwner } from '../store/claims.js';
import type { Host } from './host.js';
import { StepFailure } from './kind.js';

/** A run as claims name it. Pure. */
export const claimRun = (run: { workflowId: string; runId: string }): string => `${run.workflowId}/${run.runId}`;

export interface HeldClaim {
  /** Aborted, with the failure to end with, when another one has taken the claim over. */
  lost: AbortSignal;
  /**
   * Fails when the claim is lost. Looks at it only when the last renewal is so old that this process may have been stopped
   * meanwhile: what is about to be written must not come from an attempt that has a successor.
   */
  confirm(): Promise<void>;
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
  let renewedAt = host.clock();
  const renew = async (): Promise<void> => {
    const now = host.clock();
    if (await renewClaim(host.store, { ...owner, now })) renewedAt = now;
    else lost.abort(new StepFailure('worker_lost', takenOver));
  };
  // The store may be out of reach: the next renewal may succeed, and a commit needs the store anyway.
  const timer = setInterval(() => void renew().catch(() => undefined), host.claimEveryMs);
  return {
    lost: lost.signal,
    async confirm() {
      if (host.clock() - renewedAt > host.claimEveryMs * overdue) await renew();
      lost.signal.throwIfAborted();
    },
    leave: () => clearInterval(timer),
    async release() {
      clearInterval(timer);
      await releaseClaim(host.store, owner).catch(() => undefined);
    },
  };
}

/** Renewals that may be late before a process suspects that it was stopped: before the server gives its step to another. */
const overdue = 1.5;
const takenOver = 'Another worker took this step over, because this one had not renewed its claim in time.';

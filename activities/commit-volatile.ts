// Activity: a click commits what its carries name of the results that this worker holds.
import { Context } from '@temporalio/activity';
import type { CommitVolatile } from './calls.js';
import type { Host } from './host.js';
import { failingByClass } from './local-failure.js';
import { commitHeld } from './volatile-step.js';

/** Safe to run again. Heartbeats while it stores; fails with volatile_lost when a result is gone. */
export const commitVolatile = (host: Host): CommitVolatile =>
  failingByClass(async (input) => {
    const context = Context.current();
    const timer = setInterval(() => context.heartbeat(), host.pulseEveryMs);
    try {
      return await commitHeld(host, input);
    } finally {
      clearInterval(timer);
    }
  });

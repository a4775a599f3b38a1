// Activity: a click commits what its carries name of the results that this worker holds.
import { Context } from '@temporalio/activity';
import type { CommitVolatileInput } from './calls.js';
import type { Host } from './host.js';
import { failingByClass } from './local-failure.js';
import { commitHeld } from './volatile-step.js';

/** Safe to run again. Heartbeats while it stores; fails with volatile_lost when a result is gone. */
export const commitVolatile = (host: Host): ((input: CommitVolatileInput) => Promise<void>) =>
  failingByClass(async (input) => {
    const context = Context.current();
    const timer = setInterval(() => context.heartbeat(), host.pulseEveryMs);
    try {
      await commitHeld(host, input);
    } finally {
      clearInterval(timer);
    }
  });

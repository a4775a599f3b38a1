import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hostQueueOf } from '../../worker/host-queue.js';

it('names a queue of this host that stays the same over restarts and differs between homes', () => {
  const [one, other] = [mkdtempSync(join(tmpdir(), 'pawl-host-')), mkdtempSync(join(tmpdir(), 'pawl-host-'))];
  const queue = hostQueueOf('pawl-trainer', one);
  expect(queue.startsWith(`pawl-trainer@${hostname()}-`)).toBe(true);
  expect(hostQueueOf('pawl-trainer', one)).toBe(queue);
  expect(hostQueueOf('pawl-trainer', other)).not.toBe(queue);
  for (const home of [one, other]) rmSync(home, { recursive: true });
});

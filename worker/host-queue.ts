// The queues of this host alone: where the steps of a loop go that find their inputs warm, or here only.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';

/** `<queue>@<name of the host>`. */
export const hostQueueOf = (queue: string, home: string): string => `${queue}@${hostName(home)}`;

/** `<host>-<id>`. The id is made once a home, so that a loop finds its slot again after the worker was restarted. */
export const hostName = (home: string): string => `${hostname()}-${hostId(home)}`;

function hostId(home: string): string {
  const path = join(home, 'host-id');
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(path, randomBytes(4).toString('hex'), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(path, 'utf8').trim();
}

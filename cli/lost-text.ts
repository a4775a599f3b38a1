// What faults and waiting cost a run and the cache saved, in one line for people. Pure.
import type { RunRecord } from '../schemas/generated/records.js';
import { waits } from '../schemas/lost-time.js';
import { duration } from './numbers.js';

/** Less is not worth a word. */
const leastSeconds = 1;

/** How a cause is named after `computed again` or `waiting`. */
const after: Record<string, string> = {
  [waits.slot]: 'for a free worker',
  [waits.claim]: 'for another run that worked at the same step',
  oom: 'after memory ran out',
  gpu_fault: 'after a fault of the accelerator',
  comm: 'after the processes of a job lost each other',
  preempted: 'after the machine was taken away',
  worker_lost: 'after a lost worker',
  worker_outdated: 'for a newer worker',
  timeout: 'after an attempt ran out of time',
  trainer_crash: 'after a trainer crashed',
  store_unavailable: 'after the store was out of reach',
  artifact_damaged: 'after an artifact was damaged',
  volatile_lost: 'after uncommitted results were lost',
};

/** `lost 42.0 s: 31.0 s computed again and 11.0 s waiting after a lost worker; saved 12m00s by the cache`; null when nothing. */
export function lostLine({ lost, saved = 0 }: Pick<RunRecord, 'lost' | 'saved'>): string | null {
  const causes = Object.entries(lost)
    .map(([cause, { recomputed, waiting }]) => ({ cause, recomputed, waiting, total: recomputed + waiting }))
    .filter(({ total }) => total >= leastSeconds)
    .sort((a, b) => b.total - a.total);
  const total = causes.reduce((sum, one) => sum + one.total, 0);
  const parts = causes.map(({ cause, ...seconds }) => {
    const done = [said(seconds.recomputed, 'computed again'), said(seconds.waiting, 'waiting')];
    return `${done.filter((part) => part !== '').join(' and ')} ${after[cause] ?? `after a failure [${cause}]`}`;
  });
  const text = [
    ...(parts.length === 0 ? [] : [`lost ${duration(total)}: ${parts.join(', ')}`]),
    ...(saved < leastSeconds ? [] : [`saved ${duration(saved)} by the cache`]),
  ];
  return text.length === 0 ? null : text.join('; ');
}

const said = (seconds: number, what: string): string => (seconds < 0.05 ? '' : `${duration(seconds)} ${what}`);

// The sections `schedule` and `notify` as the plan holds them. In no key: they say when a pipeline runs and who is told.
import type { Notify, Plan, Schedule } from '../schemas/generated/plan.js';
import { childMap, childString, childStrings } from './authored.js';
import type { AuthoredMap } from './authored.js';
import { parseDuration } from './durations.js';

const defaultCatchUpMs = 3_600_000;
const allOccasions: Notify['on'] = ['cancelled', 'failed', 'succeeded', 'waiting'];

/** The sections that the file has. For a pipeline without errors. Pure. */
export function lowerRunSections(root: AuthoredMap): Pick<Plan, 'schedule' | 'notify'> {
  const schedule = childMap(root, 'schedule');
  const notify = childMap(root, 'notify');
  return {
    ...(schedule === undefined ? {} : { schedule: lowerSchedule(schedule) }),
    ...(notify === undefined ? {} : { notify: lowerNotify(notify) }),
  };
}

const lowerSchedule = (map: AuthoredMap): Schedule => ({
  cron: (childString(map, 'cron') ?? '').trim().replace(/\s+/g, ' '),
  timezone: childString(map, 'timezone') ?? 'UTC',
  overlap: (childString(map, 'overlap') ?? 'skip') as Schedule['overlap'],
  catchUpMs: parseDuration(childString(map, 'catch-up') ?? '') ?? defaultCatchUpMs,
});

function lowerNotify(map: AuthoredMap): Notify {
  const named = childStrings(map, 'on').map(({ value }) => value);
  const on = map.entries.has('on') ? allOccasions.filter((occasion) => named.includes(occasion)) : allOccasions;
  return { on, webhook: childString(map, 'webhook') ?? '' };
}

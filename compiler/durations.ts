// Durations as they are written: 90s, 15m, 2h30m, 250ms, 1d.

const units: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Milliseconds of a duration; null when the text is none. Units go from large to small, each at most once. Pure. */
export function parseDuration(text: string): number | null {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/.exec(text);
  if (match === null || text === '') return null;
  const [, d, h, m, s, ms] = match;
  const parts = Object.entries({ d, h, m, s, ms });
  const total = parts.reduce((sum, [unit, amount]) => sum + Number(amount ?? 0) * (units[unit] ?? 0), 0);
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : null;
}

/** What a checkpoint's `every` says: `50 steps` or a duration; null when it is neither. Pure. */
export function parseEvery(text: string): { everySteps: number | null; everyMs: number | null } | null {
  const steps = /^([1-9]\d*) steps?$/.exec(text);
  if (steps !== null) return { everySteps: Number(steps[1]), everyMs: null };
  const everyMs = parseDuration(text);
  return everyMs === null || everyMs === 0 ? null : { everySteps: null, everyMs };
}

/** Milliseconds as a duration is written: 2h30m, 90s -> 1m30s. Pure. */
export function showDuration(ms: number): string {
  let left = ms;
  const parts = Object.entries(units).flatMap(([unit, length]) => {
    const amount = Math.floor(left / length);
    left -= amount * length;
    return amount === 0 ? [] : [`${amount}${unit}`];
  });
  return parts.join('') || '0s';
}

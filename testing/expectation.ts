// One thing that a case expects, with its place in the test file.
import type { Span } from '../compiler/authored.js';
import type { Observed } from './observed.js';

export interface Expectation {
  span: Span;
  /** What was expected and what happened instead; null when it holds. Pure. */
  unmet(observed: Observed): string | null;
}

/** `1 time`, `3 times`. Pure. */
export const times = (count: number): string => `${count} time${count === 1 ? '' : 's'}`;

/** Milliseconds as the language writes durations: `2h05m`, `90s`, `250ms`. Pure. */
export function durationText(ms: number): string {
  if (ms < 1000) return ms === 0 ? '0s' : `${ms}ms`;
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const parts = [
    h > 0 ? `${h}h` : '',
    m > 0 ? `${m}m` : '',
    s > 0 ? `${s}s` : '',
    ms % 1000 > 0 ? `${ms % 1000}ms` : '',
  ];
  return parts.join('');
}

/** Names in a sentence: `a`, `a and b`, `a, b and 3 more`. Pure. */
export function listed(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  if (quoted.length <= 1) return quoted[0] ?? 'none';
  if (quoted.length <= 6) return `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1) ?? ''}`;
  return `${quoted.slice(0, 5).join(', ')} and ${quoted.length - 5} more`;
}

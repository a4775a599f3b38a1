// Numbers as people read them.
import { stepKinds } from '../schemas/generated/kinds.js';
import type { MetricTree } from '../workflows/status.js';

/** Four significant digits, without trailing zeros; `-` for what is not finite. Pure. */
export function shortNumber(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '-';
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  return String(Number(value.toPrecision(4)));
}

/** `0.4 s`, `12.3 s`, `4m05s`, `2h05m`. Pure. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m${String(whole % 60).padStart(2, '0')}s`;
  return `${Math.floor(whole / 3600)}h${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')}m`;
}

/** `312 B`, `4.2 kB`, `1.3 GB`. Pure. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ''}`;
}

/** `m:ss` or `h:mm:ss` since the start. Pure. */
export function clockTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** The metrics of a step that matter most, `kl 0.01, reward 0.3`: with a goal before without. Those of a loop as `update.kl 0.01`. Pure. */
export function mainMetrics(metrics: MetricTree, limit = 4): string {
  return flat(metrics, '')
    .filter(([, value]) => value !== null)
    .sort(([a], [b]) => weightOf(b) - weightOf(a))
    .slice(0, limit)
    .map(([name, value]) => `${name} ${shortNumber(value)}`)
    .join(', ');
}

/** 2 for what a step kind wants large, 1 for what it wants small, 0 for anything else. */
function weightOf(name: string): number {
  const metric = name.slice(name.lastIndexOf('.') + 1);
  const goals = Object.values(stepKinds).map((kind) => kind.metrics[metric]?.goal);
  return goals.includes('maximize') ? 2 : goals.includes('minimize') ? 1 : 0;
}

function flat(metrics: MetricTree, prefix: string): [string, number | null][] {
  return Object.entries(metrics).flatMap(([name, value]): [string, number | null][] =>
    typeof value === 'object' && value !== null ? flat(value, `${prefix}${name}.`) : [[`${prefix}${name}`, value]],
  );
}

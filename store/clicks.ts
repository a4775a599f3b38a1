// Clicks: what a loop keeps of each committed iteration, loops/<loop key>/<k>.json = {carry, metrics}, created once. Pruning
// puts a marker <k>.pruned beside a click: its metrics stay readable, its carry no longer holds on to artifacts.
import type { ArtifactRef, Click } from '../schemas/generated/records.js';
import { hasArtifact } from './artifacts.js';
import { listAll } from './list-all.js';
import { mapLimited } from './map-limited.js';
import { parseIntact, parseRecord, recordBytes } from './record-json.js';
import { readResult } from './results.js';
import { names } from './store.js';
import type { ObjectStore } from './store.js';

/** An iteration in the history of a loop. */
export interface ClickEntry {
  index: number;
  metrics: Click['metrics'];
  /** Whether the loop can go on from it: a click, not pruned, and every artifact of its carry is there. */
  restorable: boolean;
}

/** Which carries of a loop stay: the last so many, every so many iterations, the best by a metric. */
export interface ClickKeep {
  last: number;
  every: number | null;
  best: { metric: string; goal: 'maximize' | 'minimize' } | null;
}

/**
 * Writes a click if there is none of its index, and returns the one that stands. When that one was pruned, its artifacts
 * have just been made again, and it holds on to them again. Safe to run again.
 */
export async function commitClick(store: ObjectStore, click: Click): Promise<Click> {
  const created = await store.createIfAbsent(names.click(click.loopKey, click.index), recordBytes(click));
  if (created) return click;
  await store.remove(markerName(click.loopKey, click.index));
  return (await readClick(store, click.loopKey, click.index)) ?? click;
}

/** One click, pruned or not; null when there is none. */
export async function readClick(store: ObjectStore, loopKey: string, index: number): Promise<Click | null> {
  const name = names.click(loopKey, index);
  const body = await store.get(name);
  return body === null ? null : parseRecord('click', body, name);
}

/** The history of a loop, from its first iteration to its last; with those between clicks, where a click holds several. */
export async function listClicks(store: ObjectStore, loopKey: string): Promise<ClickEntry[]> {
  const found = await mapLimited(await clickNames(store, loopKey), 8, async ({ index, pruned }) => {
    const click = await intactClick(store, loopKey, index);
    if (click === null) return [];
    const earlier = (click.earlier ?? []).map((one) => ({ ...one, restorable: false }));
    const own = { index, metrics: click.metrics, restorable: !pruned && (await isCarryStored(store, click)) };
    return [...earlier, own];
  });
  // Runs with another `commit` write clicks at other iterations: what is a click somewhere counts as one.
  const entries = new Map<number, ClickEntry>();
  for (const entry of found.flat()) if (entry.restorable || !entries.has(entry.index)) entries.set(entry.index, entry);
  return [...entries.values()].sort((a, b) => a.index - b.index);
}

/** The newest click that a loop of at most `maxIterations` iterations can go on from; null = it starts at iteration 0. */
export async function newestClick(store: ObjectStore, loopKey: string, maxIterations: number): Promise<Click | null> {
  for (const { index, pruned } of (await clickNames(store, loopKey)).reverse()) {
    if (pruned || index >= maxIterations) continue;
    const click = await intactClick(store, loopKey, index);
    if (click !== null && (await isCarryStored(store, click))) return click;
  }
  return null;
}

/** The click with the best value of `best.metric` (the first of equals) among those that have it; null when none has. Pure. */
export function bestClick<Entry extends Pick<Click, 'index' | 'metrics'>>(
  entries: readonly Entry[],
  best: NonNullable<ClickKeep['best']>,
): Entry | null {
  const sign = best.goal === 'maximize' ? 1 : -1;
  let winner: { entry: Entry; value: number } | null = null;
  for (const entry of entries) {
    const value = metricOf(entry.metrics, best.metric);
    if (value !== null && (winner === null || sign * value > sign * winner.value)) winner = { entry, value };
  }
  return winner?.entry ?? null;
}

/**
 * Marks the clicks that `keep` does not name as pruned and returns their indices. Artifacts go when unused files are collected.
 * Reads no click but, for `best`, those that were kept so far: the best of all is among them or new.
 */
export async function pruneClicks(store: ObjectStore, loopKey: string, keep: ClickKeep): Promise<number[]> {
  const present = (await clickNames(store, loopKey)).filter(({ pruned }) => !pruned).map(({ index }) => index);
  const kept = new Set(keep.last > 0 ? present.slice(-keep.last) : []);
  const { every, best } = keep;
  if (every !== null) for (const index of present) if ((index + 1) % every === 0) kept.add(index);
  if (best !== null) {
    const clicks = await mapLimited(present, 8, (index) => intactClick(store, loopKey, index));
    const winner = bestClick(
      clicks.filter((click) => click !== null),
      best,
    );
    if (winner !== null) kept.add(winner.index);
  }
  const superseded = present.filter((index) => !kept.has(index));
  await mapLimited(superseded, 4, (index) => store.createIfAbsent(markerName(loopKey, index), '{}'));
  return superseded;
}

/** The metric `step.metric` (also `steps.step.metric` and `steps.step.metrics.metric`) of a click. */
function metricOf(metrics: Click['metrics'], metric: string): number | null {
  const segments = metric.replace(/^steps\./, '').split('.');
  const name = segments.pop();
  if (segments.at(-1) === 'metrics') segments.pop();
  return name === undefined ? null : (metrics[segments.join('.')]?.[name] ?? null);
}

async function isCarryStored(store: ObjectStore, click: Click): Promise<boolean> {
  for (const { $artifact } of artifactsIn(click.carry)) {
    const output = (await readResult(store, $artifact.key))?.outputs[$artifact.output];
    if (output === undefined || !(await hasArtifact(store, output))) return false;
  }
  return true;
}

/** The artifacts that a value names, at any depth. Pure. */
export function artifactsIn(value: unknown): ArtifactRef[] {
  if (typeof value !== 'object' || value === null) return [];
  return isArtifactRef(value) ? [value] : Object.values(value).flatMap(artifactsIn);
}

function isArtifactRef(value: object): value is ArtifactRef {
  if (!('$artifact' in value) || typeof value.$artifact !== 'object' || value.$artifact === null) return false;
  return 'key' in value.$artifact && 'output' in value.$artifact;
}

/** The indices of all clicks, ascending, from their names alone. */
export async function clickNames(store: ObjectStore, loopKey: string): Promise<{ index: number; pruned: boolean }[]> {
  const found = new Map<number, boolean>();
  for (const { name } of await listAll(store, names.clicks(loopKey))) {
    const [, digits, kind] = /\/(\d+)\.(json|pruned)$/.exec(name) ?? [];
    if (digits === undefined) continue;
    const index = Number(digits);
    if (kind === 'pruned') found.set(index, true);
    else if (!found.has(index)) found.set(index, false);
  }
  return [...found].sort(([a], [b]) => a - b).map(([index, pruned]) => ({ index, pruned }));
}

/** A click; a damaged record counts as missing. */
async function intactClick(store: ObjectStore, loopKey: string, index: number): Promise<Click | null> {
  const name = names.click(loopKey, index);
  const body = await store.get(name);
  return body === null ? null : parseIntact('click', body, name);
}

const markerName = (loopKey: string, index: number): string =>
  names.click(loopKey, index).replace(/\.json$/, '.pruned');

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

/** A click in the history of a loop. */
export interface ClickEntry {
  index: number;
  metrics: Click['metrics'];
  /** Whether the loop can go on from it: not pruned, and every artifact of its carry is there. */
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

/** The history of a loop, from its first click to its last. */
export async function listClicks(store: ObjectStore, loopKey: string): Promise<ClickEntry[]> {
  return mapLimited(await clicksOf(store, loopKey), 8, async ({ click, pruned }) => ({
    index: click.index,
    metrics: click.metrics,
    restorable: !pruned && (await isCarryStored(store, click)),
  }));
}

/** The newest click that a loop of at most `maxIterations` iterations can go on from; null = it starts at iteration 0. */
export async function newestClick(store: ObjectStore, loopKey: string, maxIterations: number): Promise<Click | null> {
  for (const { click, pruned } of (await clicksOf(store, loopKey)).reverse()) {
    if (click.index < maxIterations && !pruned && (await isCarryStored(store, click))) return click;
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

/** Marks the clicks that `keep` does not name as pruned and returns their indices. Artifacts go when unused files are collected. */
export async function pruneClicks(store: ObjectStore, loopKey: string, keep: ClickKeep): Promise<number[]> {
  const all = await clicksOf(store, loopKey);
  const kept = keptIndices(
    all.map(({ click }) => click),
    keep,
  );
  const superseded = all
    .filter(({ click, pruned }) => !pruned && !kept.has(click.index))
    .map(({ click }) => click.index);
  await mapLimited(superseded, 4, (index) => store.createIfAbsent(markerName(loopKey, index), '{}'));
  return superseded;
}

function keptIndices(clicks: readonly Click[], keep: ClickKeep): Set<number> {
  const { every } = keep;
  const kept = new Set((keep.last > 0 ? clicks.slice(-keep.last) : []).map(({ index }) => index));
  if (every !== null) for (const { index } of clicks) if ((index + 1) % every === 0) kept.add(index);
  const best = keep.best === null ? null : bestClick(clicks, keep.best);
  if (best !== null) kept.add(best.index);
  return kept;
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

function artifactsIn(value: unknown): ArtifactRef[] {
  if (typeof value !== 'object' || value === null) return [];
  return isArtifactRef(value) ? [value] : Object.values(value).flatMap(artifactsIn);
}

function isArtifactRef(value: object): value is ArtifactRef {
  if (!('$artifact' in value) || typeof value.$artifact !== 'object' || value.$artifact === null) return false;
  return 'key' in value.$artifact && 'output' in value.$artifact;
}

/** All clicks by index; a damaged record counts as missing. */
async function clicksOf(store: ObjectStore, loopKey: string): Promise<{ click: Click; pruned: boolean }[]> {
  const objects = await listAll(store, names.clicks(loopKey));
  const markers = new Set(objects.map(({ name }) => name).filter((name) => name.endsWith('.pruned')));
  const records = objects.filter(({ name }) => name.endsWith('.json'));
  const clicks = await mapLimited(records, 8, async ({ name }) => {
    const body = await store.get(name);
    const click = body === null ? null : parseIntact('click', body, name);
    return click === null ? null : { click, pruned: markers.has(markerName(loopKey, click.index)) };
  });
  return clicks.filter((entry) => entry !== null);
}

const markerName = (loopKey: string, index: number): string =>
  names.click(loopKey, index).replace(/\.json$/, '.pruned');

// Artifacts of a run by the names that a person writes: `RUN@sft.model`, `RUN@rl[120].update.model`, `RUN@rl.policy`, `RUN@model`.
import type { TemporalConfig } from '../schemas/config.js';
import type { ArtifactRef, Click, RunRecord, StoredArtifact } from '../schemas/generated/records.js';
import { parsePath } from '../schemas/ids.js';
import { bestClick, listClicks, readClick } from '../store/clicks.js';
import { stateOfArtifact } from '../store/artifacts.js';
import { readPlan } from '../store/plans.js';
import { readResult } from '../store/results.js';
import type { ObjectStore } from '../store/store.js';
import { stepKeysOf } from './step-key.js';

/** `demo/first@sft.model` in its parts; without `@` all is the run. Pure. */
export function splitArtifactPath(text: string): { run: string; path: string | null } {
  const at = text.indexOf('@'); // the name of a run has none
  return at === -1 ? { run: text, path: null } : { run: text.slice(0, at), path: text.slice(at + 1) };
}

export interface ListedArtifact {
  /** What follows the `@`. */
  path: string;
  type: string;
  bytes: number;
  files: number;
  /** Digest of its list of files. */
  tree: string;
  /** `gone`: pruned since; the step runs again when it is needed. */
  state: 'whole' | 'gone' | 'damaged';
}

export interface ArtifactListing {
  artifacts: ListedArtifact[];
  /** Of each loop the iterations whose carries are kept. */
  loops: { path: string; iterations: number; kept: number[] }[];
}

interface Finder {
  store: ObjectStore;
  record: RunRecord;
  keyAt: (path: string) => Promise<string | null>;
}

/**
 * The artifacts of a run: its outputs, those of its steps, and of each loop its carries; below `prefix`, which names a step,
 * a loop or an iteration, only those. Reads records.
 */
export async function artifactsOf(
  config: TemporalConfig,
  store: ObjectStore,
  record: RunRecord,
  prefix: string | null,
): Promise<ArtifactListing> {
  const finder: Finder = { store, record, keyAt: stepKeysOf(config, store, record).keyAt };
  const last = prefix === null ? undefined : parsePath(prefix)?.at(-1);
  if (prefix !== null && last?.index != null) return { artifacts: await ofIteration(finder, prefix), loops: [] };
  const isMeant = (path: string): boolean =>
    prefix === null || path === prefix || /^[.[]/.test(path.startsWith(prefix) ? path.slice(prefix.length) : '');
  const steps = record.steps.filter(({ path }) => isMeant(path));
  const listing: ArtifactListing = { artifacts: [], loops: [] };
  for (const { path, kind } of steps) {
    if (kind !== 'loop') listing.artifacts.push(...(await ofStep(finder, path)));
    else {
      const { artifacts, loop } = await ofLoop(finder, path);
      listing.artifacts.push(...artifacts);
      if (loop !== null) listing.loops.push(loop);
    }
  }
  // A step of an iteration is in no record of a run: it is found by its path.
  if (steps.length === 0 && prefix !== null && (parsePath(prefix)?.length ?? 0) > 1)
    listing.artifacts.push(...(await ofStep(finder, prefix)));
  if (prefix === null) listing.artifacts.push(...(await ofValues(finder, record.outputs, '')));
  return listing;
}

/** The artifact that a path means; null when there is none of that name. A step with one output needs no name of it. */
export async function findArtifact(
  config: TemporalConfig,
  store: ObjectStore,
  record: RunRecord,
  path: string,
): Promise<ListedArtifact | null> {
  const [, step = '', output = ''] = /^(.*)\.([a-z][a-z0-9_]*)$/.exec(path) ?? [];
  const below = step === '' ? [] : (await artifactsOf(config, store, record, step)).artifacts;
  const named = below.find((one) => one.path === `${step}.${output}`);
  if (named !== undefined) return named;
  const ofRun = await ofValues({ store, record, keyAt: () => Promise.resolve(null) }, record.outputs, '');
  const own = ofRun.find((one) => one.path === path);
  if (own !== undefined) return own;
  const [only, ...more] = (await artifactsOf(config, store, record, path)).artifacts;
  return more.length === 0 ? (only ?? null) : null;
}

async function ofStep({ store, keyAt }: Finder, path: string): Promise<ListedArtifact[]> {
  const key = await keyAt(path);
  const result = key === null ? null : await readResult(store, key);
  return result === null ? [] : listed(store, path, result.outputs);
}

async function ofIteration(finder: Finder, path: string): Promise<ListedArtifact[]> {
  const segments = parsePath(path) ?? [];
  const index = segments.at(-1)?.index ?? 0;
  const loopKey = await finder.keyAt(path.replace(/\[\d+\]$/, ''));
  const click = loopKey === null ? null : await readClick(finder.store, loopKey, index);
  if (click === null) return [];
  const steps = Object.entries(click.keys).map(async ([name, key]) => {
    const result = await readResult(finder.store, key);
    return result === null ? [] : listed(finder.store, `${path}.${name}`, result.outputs);
  });
  return (await Promise.all(steps)).flat();
}

/** The carries that the loop ends with: those of its last click, or of the best where `keep.best` asks for it. */
async function ofLoop(
  finder: Finder,
  path: string,
): Promise<{ artifacts: ListedArtifact[]; loop: ArtifactListing['loops'][number] | null }> {
  const { store, record } = finder;
  const loopKey = await finder.keyAt(path);
  const clicks = loopKey === null ? [] : await listClicks(store, loopKey);
  // Another run may have taken the same loop further.
  const most = record.steps.find((step) => step.path === path)?.clicks ?? Infinity;
  const own = clicks.filter(({ index }) => index < most);
  if (loopKey === null || own.length === 0) return { artifacts: [], loop: null };
  const node = (await readPlan(store, record.planHash)).steps[path];
  const best = node?.node === 'loop' ? node.keep.best : null;
  const kept = own.filter(({ restorable }) => restorable);
  const chosen = (best === null ? null : bestClick(kept, best)) ?? kept.at(-1) ?? null;
  const click: Click | null = chosen === null ? null : await readClick(store, loopKey, chosen.index);
  return {
    artifacts: click === null ? [] : await ofValues(finder, click.carry, `${path}.`),
    loop: { path, iterations: own.length, kept: kept.map(({ index }) => index) },
  };
}

/** Those of named values that are artifacts. */
async function ofValues(
  { store }: Finder,
  values: Readonly<Record<string, unknown>>,
  prefix: string,
): Promise<ListedArtifact[]> {
  const found = Object.entries(values).map(async ([name, value]) => {
    if (!isArtifact(value)) return [];
    const { key, output } = value.$artifact;
    const stored = (await readResult(store, key))?.outputs[output];
    return stored === undefined ? [] : [await look(store, `${prefix}${name}`, stored)];
  });
  return (await Promise.all(found)).flat();
}

const listed = (
  store: ObjectStore,
  path: string,
  outputs: Readonly<Record<string, StoredArtifact>>,
): Promise<ListedArtifact[]> =>
  Promise.all(Object.entries(outputs).map(([name, stored]) => look(store, `${path}.${name}`, stored)));

async function look(store: ObjectStore, path: string, stored: StoredArtifact): Promise<ListedArtifact> {
  const { type, bytes, files, tree } = stored;
  return { path, type, bytes, files, tree, state: await stateOfArtifact(store, stored) };
}

const isArtifact = (value: unknown): value is ArtifactRef =>
  typeof value === 'object' && value !== null && '$artifact' in value;

// What stays: from the runs that are kept to results, clicks, checkpoints and, by their trees, to blobs. Marks only grow.
import { neededBy } from '../planning/plan-run.js';
import type { Plan } from '../schemas/generated/plan.js';
import type { Tree } from '../schemas/generated/records.js';
import { artifactsIn, clickNames, readClick } from '../store/clicks.js';
import { mapLimited } from '../store/map-limited.js';
import { readPlan } from '../store/plans.js';
import { parseIntact } from '../store/record-json.js';
import { names, type ObjectStore } from '../store/store.js';
import type { CommittedResults } from './committed.js';
import type { KeptRun } from './kept-runs.js';

export interface Marks {
  /** Hex digests of blobs. */
  blobs: Set<string>;
  /** Keys of results that stay whole. */
  results: Set<string>;
  /** Keys of steps that a run works at or may go on with: their journals stay, too. */
  steps: Set<string>;
  /** Checkpoint keys of which every checkpoint stays. */
  checkpoints: Set<string>;
  /** Journals that stay beside those of `steps` and of results, as `<step key>/<attempt>`. */
  journals: Set<string>;
}

export interface Marker {
  readonly marks: Marks;
  tree(digest: string): Promise<void>;
  result(key: string): Promise<void>;
  run(run: KeptRun): Promise<void>;
  plan(hash: string): Promise<void>;
}

/** A marker on `store`; `committed` are the results that were listed. */
export function createMarker(store: ObjectStore, committed: CommittedResults, now: number): Marker {
  const marks: Marks = {
    ...{ blobs: new Set(), results: new Set(), steps: new Set() },
    ...{ checkpoints: new Set(), journals: new Set() },
  };
  const loops = new Set<string>();
  const tree = async (digest: string): Promise<void> => {
    if (marks.blobs.has(hexOf(digest))) return;
    for (const blob of await blobsOf(store, digest)) marks.blobs.add(blob);
  };
  const result = async (key: string): Promise<void> => {
    if (marks.results.has(key)) return;
    marks.results.add(key);
    for (const output of committed.byKey.get(key)?.outputs ?? []) await tree(output.tree);
  };
  const artifacts = async (value: unknown): Promise<void> => {
    for (const { $artifact } of artifactsIn(value)) await result($artifact.key);
  };
  const loop = async (key: string): Promise<void> => {
    if (loops.has(key)) return;
    loops.add(key);
    const kept = (await clickNames(store, key)).filter(({ pruned }) => !pruned);
    for (const click of await mapLimited(kept, 8, ({ index }) => readClick(store, key, index)))
      await artifacts(click?.carry);
  };
  const files = async (plan: Plan): Promise<void> => {
    for (const { digest, folder } of filesIn(plan)) {
      if (folder) await tree(digest);
      marks.blobs.add(hexOf(digest));
    }
  };
  /** Everything that a run of the plan may find: with every environment in which something was made. */
  const needs = async (plan: Plan, workflowId: string | null): Promise<void> => {
    await files(plan);
    for (const environment of environmentsOf(plan, committed.environments)) {
      const needed = await neededBy({ plan, store, environment, workflowId, now });
      for (const key of needed.steps) await result(key);
      for (const key of needed.steps) marks.steps.add(key);
      for (const key of needed.checkpoints) marks.checkpoints.add(key);
      for (const key of needed.loops) await loop(key);
    }
  };
  const plan = async (hash: string): Promise<void> => needs(await readPlan(store, hash), null);
  const run = async (kept: KeptRun): Promise<void> => {
    for (const key of kept.steps) await result(key);
    for (const key of kept.loops) await loop(key);
    await artifacts(kept.outputs);
    // What has ended well needs no more than it has recorded; anything else goes on, now or when it is asked to.
    if (kept.state !== 'done') return needs(await readPlan(store, kept.planHash), kept.workflowId);
    const known = await store.get(names.plan(kept.planHash));
    if (known !== null) await files(await readPlan(store, kept.planHash));
  };
  return { marks, tree, result, run, plan };
}

/** The tree's own blob and those of its files; none when it cannot be read. */
export async function blobsOf(store: ObjectStore, digest: string): Promise<string[]> {
  const name = names.blob(digest);
  const body = await store.get(name);
  const found: Tree | null = body === null ? null : parseIntact('tree', body, name);
  return found === null ? [] : [hexOf(digest), ...found.files.map((file) => hexOf(file.digest))];
}

const hexOf = (digest: string): string => digest.replace(/^sha256:/, '');

interface PlanFile {
  digest: string;
  folder: boolean;
}

/** The local files that a plan names, at any depth. */
function filesIn(value: unknown): PlanFile[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('$file' in value) return [value.$file as PlanFile];
  return Object.values(value).flatMap(filesIn);
}

/** Values of the fields that enter the keys of a plan, in every combination that was seen. Pure. */
function environmentsOf(plan: Plan, seen: ReadonlyMap<string, ReadonlySet<string>>): Record<string, string>[] {
  const fields = new Set(Object.values(plan.kinds).flatMap((kind) => kind.environment));
  let all: Record<string, string>[] = [{}];
  for (const field of fields)
    all = [...(seen.get(field) ?? ['unknown'])].flatMap((value) => all.map((one) => ({ ...one, [field]: value })));
  return all;
}

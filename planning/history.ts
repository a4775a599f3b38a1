// Earlier runs, for reasons and estimates: a bounded number of records, results and clicks, each read once.
import type { Click, Result, RunRecord } from '../schemas/generated/records.js';
import { parsePath } from '../schemas/ids.js';
import { listClicks, readClick } from '../store/clicks.js';
import { mapLimited } from '../store/map-limited.js';
import { readResult } from '../store/results.js';
import { newestRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';

const maxRuns = { own: 40, others: 20 };
const maxResults = 8;
const maxLoops = 2;
const maxClicks = 8;

export interface History {
  /** Results of a kind, those of the same path first, then the newest; at most eight. */
  resultsOf(kind: string, path: string): Promise<Result[]>;
  /** Results of a step of a loop's body in its last iterations, the newest first. */
  resultsInside(loop: { path: string; key: string | null }, name: string, kind: string): Promise<Result[]>;
  /** The last iterations of a loop: those of this key, else of earlier loops of this path. The newest first. */
  clicksOf(loop: { path: string; key: string | null }): Promise<Click[]>;
}

/** For a look that asks for no reasons. */
export const noHistory: History = {
  resultsOf: () => Promise.resolve([]),
  resultsInside: () => Promise.resolve([]),
  clicksOf: () => Promise.resolve([]),
};

/** The history that a store tells of a pipeline. Reads when it is asked, and nothing twice when `store` remembers. */
export function openHistory(store: ObjectStore, pipeline: string): History {
  let read: Promise<RunRecord[]> | null = null;
  const runs = (): Promise<RunRecord[]> => (read ??= newestRuns(store, pipeline, maxRuns));
  const results = async (keys: readonly string[]): Promise<Result[]> =>
    (await mapLimited([...new Set(keys)].slice(0, maxResults), 8, (key) => readResult(store, key))).filter(
      (result) => result !== null,
    );
  const clicksOf: History['clicksOf'] = async ({ path, key }) => {
    const own = key === null ? [] : await lastClicks(store, key);
    if (own.length > 0) return own;
    const keys = keysOf(await runs(), 'loop', withoutIndices(path));
    const earlier = await mapLimited(keys.slice(0, maxLoops), 2, (one) => lastClicks(store, one));
    return earlier.flat();
  };
  return {
    clicksOf,
    resultsOf: async (kind, path) => results(keysOf(await runs(), kind, path)),
    async resultsInside(loop, name, kind) {
      const keys = (await clicksOf(loop)).flatMap((click) => click.keys[name] ?? []);
      return (await results(keys)).filter(({ derivation }) => derivation.kind === kind);
    },
  };
}

/** Keys of the steps of a kind; those of the path first. */
function keysOf(runs: readonly RunRecord[], kind: string, path: string): string[] {
  const ofKind = runs.flatMap((run) => run.steps.filter((step) => step.kind === kind));
  const same = ofKind.filter((step) => step.path === path);
  const others = kind === 'loop' ? [] : ofKind.filter((step) => step.path !== path);
  return [...new Set([...same, ...others].flatMap(({ key }) => (key === null ? [] : [key])))];
}

async function lastClicks(store: ObjectStore, key: string): Promise<Click[]> {
  const last = (await listClicks(store, key)).slice(-maxClicks).reverse();
  const clicks = await mapLimited(last, 8, ({ index }) => readClick(store, key, index));
  return clicks.filter((click) => click !== null);
}

const withoutIndices = (path: string): string => (parsePath(path) ?? []).map(({ name }) => name).join('.') || path;

// The iterations of a loop of a run, as its clicks hold them: what `pawl fork` and `pawl bisect` choose from.
import type { TemporalConfig } from '../schemas/config.js';
import type { LoopNode, Plan } from '../schemas/generated/plan.js';
import type { RunRecord } from '../schemas/generated/records.js';
import { listClicks, type ClickEntry } from '../store/clicks.js';
import type { ObjectStore } from '../store/store.js';
import { stepKeysOf } from './step-key.js';

export interface LoopHistory {
  loop: string;
  /** Null where it is not known yet: a step before the loop has not run. */
  key: string | null;
  /** The iterations of this run, of whichever run made them; ascending. */
  iterations: ClickEntry[];
}

/** Names of the loops of a plan, those inside of others left out. Pure. */
export const loopsOf = ({ steps }: Plan): [name: string, node: LoopNode][] =>
  Object.entries(steps).flatMap(([name, node]) => (node.node === 'loop' ? [[name, node] as [string, LoopNode]] : []));

/** Reads the clicks of a loop. */
export async function loopHistory(
  config: TemporalConfig,
  store: ObjectStore,
  record: RunRecord,
  loop: string,
): Promise<LoopHistory> {
  const key = await stepKeysOf(config, store, record).keyAt(loop);
  // Another run may have taken the same loop further.
  const most = record.steps.find(({ path }) => path === loop)?.clicks ?? Infinity;
  const all = key === null ? [] : await listClicks(store, key);
  return { loop, key, iterations: all.filter(({ index }) => index < most) };
}

/** `0, 3-5, 9`. Pure. */
export function indexRanges(indices: readonly number[]): string {
  const parts: [number, number][] = [];
  for (const index of indices) {
    const last = parts.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else parts.push([index, index]);
  }
  return parts.length === 0
    ? 'none'
    : parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

// Which runs hold on to what they made: those that run, those that ended lately, and plans that were submitted and wait for
// a worker.
import type { Claim, RunRecord } from '../schemas/generated/records.js';
import { isShard } from '../schemas/ids.js';
import { mapLimited } from '../store/map-limited.js';
import { parseIntact } from '../store/record-json.js';
import type { ObjectInfo, ObjectStore } from '../store/store.js';

export interface KeptRun {
  workflowId: string;
  planHash: string;
  state: RunRecord['state'];
  /** Keys of its steps, and of the loops among them. */
  steps: string[];
  loops: string[];
  outputs: RunRecord['outputs'];
}

export interface KeptRuns {
  runs: KeptRun[];
  /** Workflow ids of young records that cannot be read: all that those runs have committed stays. */
  unreadable: string[];
  /** Hashes of plans that were submitted, and of which no run is known yet. */
  submitted: string[];
  /** Hashes of all plans that a record names. */
  known: Set<string>;
  /** Step keys that somebody works at. */
  claimed: string[];
}

interface Since {
  now: number;
  /** What ended before is not kept. */
  keepSince: number;
}

/** Reads every run record and claim once. Throws `worker_outdated` for a record from a newer version. */
export async function readKeptRuns(
  store: ObjectStore,
  objects: Record<'runs' | 'claims' | 'plans', readonly ObjectInfo[]>,
  { now, keepSince }: Since,
): Promise<KeptRuns> {
  const claims = await mapLimited(objects.claims, 16, ({ name }) => one(store, 'claim', name));
  const live = claims.filter((claim) => claim !== null).filter((claim) => isLive(claim, now));
  const workers = new Set(live.map(({ run }) => run));
  const runs: KeptRun[] = [];
  const unreadable: string[] = [];
  const startedLast = new Map<string, number>();
  await mapLimited(objects.runs, 16, async (object) => {
    const record = await one(store, 'run', object.name);
    if (record === null) {
      if (object.modifiedAt >= keepSince) unreadable.push(decodeURIComponent(object.name.split('/')[1] ?? ''));
      return;
    }
    const { planHash, workflowId, runId, endedAt } = record;
    startedLast.set(planHash, Math.max(startedLast.get(planHash) ?? 0, Date.parse(record.startedAt)));
    const isAtWork = record.state === 'running' || workers.has(`${workflowId}/${runId}`);
    if (isAtWork || endedAt === null || Date.parse(endedAt) >= keepSince) runs.push(keptRun(record, isAtWork));
  });
  const submitted = objects.plans
    .map(({ name, modifiedAt }) => ({ hash: hashIn(name), modifiedAt }))
    .filter(({ hash, modifiedAt }) => modifiedAt >= keepSince && modifiedAt > (startedLast.get(hash) ?? 0));
  return {
    ...{ runs, unreadable, submitted: submitted.map(({ hash }) => hash) },
    ...{ known: new Set(startedLast.keys()), claimed: live.map(({ key }) => key) },
  };
}

/** What is kept of a run's record. Pure. */
export const keptRun = (record: RunRecord, isAtWork: boolean): KeptRun => {
  const keys = (isLoop: boolean): string[] =>
    record.steps.flatMap(({ kind, key, path }) =>
      // What a shard made is in the step's own result; while that is not there, the plan says that it is needed.
      (kind === 'loop') === isLoop && key !== null && !isShard(path) ? [key] : [],
    );
  const { workflowId, planHash, outputs } = record;
  const state = isAtWork ? 'running' : record.state;
  return { workflowId, planHash, state, steps: keys(false), loops: keys(true), outputs };
};

/** The hash of the plan `plans/<hex>.json`. Pure. */
export const hashIn = (name: string): string => `sha256:${/^plans\/(.*)\.json$/.exec(name)?.[1] ?? ''}`;

const missedRenewals = 3;

/** Whether its holder still works. Pure. */
const isLive = (claim: Claim, now: number): boolean =>
  !claim.released && now <= claim.renewedAt + missedRenewals * claim.renewEveryMs;

async function one<Kind extends 'claim' | 'run'>(
  store: ObjectStore,
  kind: Kind,
  name: string,
): Promise<ReturnType<typeof parseIntact<Kind>>> {
  const body = await store.get(name);
  return body === null ? null : parseIntact(kind, body, name);
}

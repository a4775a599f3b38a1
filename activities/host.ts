// What the activities of one worker share: made once by the composition root.
import type { StepKind } from '../schemas/generated/step-kind.js';
import type { ObjectStore } from '../store/store.js';
import type { ArtifactCache } from './artifact-cache.js';
import type { RunInfo } from './calls.js';
import type { Environment } from './environment.js';
import type { Engine } from './engine/engine.js';
import type { Mutex } from './engine/mutex.js';
import { StepFailure } from './kind.js';
import type { Observer } from './observer.js';
import type { Tracker } from './tracker.js';
import type { VolatileResults } from './volatile-results.js';

/** A trainer slot of this host: the engine, and who may use it now. */
export interface Slot {
  engine: Engine;
  mutex: Mutex;
  /** The queue of this host alone, for the steps that follow in a loop. */
  hostQueue: string;
}

/** What the programs of `uses: command` may have of this worker. */
export interface Programs {
  /** The worker's environment. */
  variables: Readonly<Record<string, string | undefined>>;
  /** Put before the PATH: where the trainer's Python is. Null = the PATH as it is. */
  binFolder: string | null;
  /** Where logs are kept. */
  logFolder: string;
}

export interface Host {
  store: ObjectStore;
  /** Where the store is, in words for a person. */
  storeUrl: string;
  /** This host in the names of its queues, `<queue>@<name>`. */
  name: string;
  /** Results between two clicks of a loop. */
  volatile: VolatileResults;
  /** Folders of attempts. */
  workRoot: string;
  cache: ArtifactCache;
  environment: Environment;
  /** Declarations of the step kinds that this worker has, by name. */
  kinds: Readonly<Record<string, StepKind>>;
  tracker: Tracker;
  observer: Observer;
  programs: Programs;
  /** Page of a run in the Temporal UI; null where that is not known. */
  runPage: (workflowId: string) => string | null;
  /** Milliseconds since the epoch. */
  clock: () => number;
  /** Milliseconds between heartbeats. */
  pulseEveryMs: number;
  /** Milliseconds between renewals of a claim; three missed ones free it. */
  claimEveryMs: number;
  /** Milliseconds between looks at a claim that another run holds. */
  claimPollMs: number;
}

/** Fails with config when a run belongs to another store than this worker's. Pure. */
export function refuseForeignStore(host: Host, run: RunInfo): void {
  if (run.storeId === host.store.id) return;
  throw new StepFailure(
    'config',
    `The run ${run.workflowId} keeps its results in the store ${run.storeId}, but this worker has the store ${host.store.id} at ${host.storeUrl}. Start the worker with the store of the run (\`store\` in temporal.config.ts, or PAWL_STORE), or submit the run again from here.`,
    { runStore: run.storeId, workerStore: host.store.id },
  );
}

// The tracker of the activities (activities/tracker.ts) for MLflow: everything behind the caller's back.
//
// Owns: a queue of work a run, and one warning an outage. Does not own: what was sent (cursor.ts), what there is to send
// (the journals, clicks and records of the store).
// I1: no call waits, none fails. I2: work that fails for lack of MLflow stays queued and is tried again; what is queued
// when the process ends is found again from the cursors by the next tracker.
import { randomUUID } from 'node:crypto';
import type { RunRecord } from '../schemas/generated/records.js';
import { readRun } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { incompleteRuns, openCursor, type RunName } from './cursor.js';
import { JobQueue } from './job-queue.js';
import { createMlflowClient } from './mlflow-client.js';
import { createSender, type Mark, type SenderOptions } from './sender.js';
import type { Iteration, Metrics } from './units.js';

export interface TrackerOptions extends SenderOptions {
  store: ObjectStore;
  url: string;
  warn: (message: string) => void;
  clock?: () => number;
  /** Pause before the next try while MLflow is down, ms. */
  retryMs?: number;
  timeoutMs?: number;
}

export interface MlflowTracker {
  checkpointed(mark: Mark): void;
  stepCommitted(mark: Mark & { kind: string; metrics: Metrics }): void;
  clicked(news: { run: Mark['run']; path: string; iterations: readonly Iteration[] }): void;
  runRecorded(news: { record: RunRecord; final: boolean }): void;
  /** Resolves when what was told so far has been sent, or given up for now because MLflow is down. */
  flush(): Promise<void>;
  /** Stops trying. */
  close(): Promise<void>;
}

const youngestForgottenMs = 14 * 24 * 3600 * 1000;

/** A tracker that at once begins to send what earlier workers have left unsent. */
export function createMlflowTracker(options: TrackerOptions): MlflowTracker {
  const { store, url, warn } = options;
  const clock = options.clock ?? Date.now;
  const timeout = options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs };
  const client = createMlflowClient({ url, ...timeout });
  const sender = createSender({ store, client, clock, holder: randomUUID() }, options);
  const queue = new JobQueue({ url, warn, retryMs: options.retryMs ?? 15_000 });
  // At once, also while MLflow is down: who comes after this process finds the run by its cursor.
  const remembered = new Set<string>();
  const remember = (run: RunName): void => {
    if (remembered.has(idOf(run))) return;
    remembered.add(idOf(run));
    openCursor(store, run).catch(() => remembered.delete(idOf(run)));
  };
  const tracker: MlflowTracker = {
    checkpointed(mark) {
      remember(mark.run);
      const id = `${idOf(mark.run)} ${mark.key}/${mark.attempt}`;
      queue.add({ id, run: mark.run, work: () => sender.journal(mark) });
    },
    stepCommitted(mark) {
      remember(mark.run);
      const at = clock();
      queue.add({ id: `${idOf(mark.run)} ${mark.path}`, run: mark.run, work: () => sender.committed(mark, at) });
    },
    clicked({ run, path, iterations }) {
      remember(run);
      const at = clock();
      const id = `${idOf(run)} ${path}[${iterations.at(-1)?.index ?? ''}]`;
      queue.add({ id, run, work: () => sender.iterations(run, path, iterations, at) });
    },
    runRecorded({ record }) {
      remember(record);
      queue.add({ id: `${idOf(record)} record`, run: record, work: () => sender.record(record) });
    },
    flush: () => queue.flush(),
    close: () => queue.close(),
  };
  void leftBehind(store, clock()).then((records) => {
    for (const record of records) tracker.runRecorded({ record, final: record.state !== 'running' });
  });
  return tracker;
}

/** Runs of which something is unsent. A store that cannot be read now has its own warnings. */
async function leftBehind(store: ObjectStore, nowMs: number): Promise<RunRecord[]> {
  try {
    const runs = await incompleteRuns(store, nowMs - youngestForgottenMs);
    const records = await Promise.all(runs.map(({ workflowId, runId }) => readRun(store, workflowId, runId)));
    return records.filter((record) => record !== null);
  } catch {
    return [];
  }
}

const idOf = (run: RunName): string => `${run.workflowId} ${run.runId}`;

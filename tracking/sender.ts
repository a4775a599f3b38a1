// Sends what the tracker is told, one piece at a time. Every call may be repeated after a failure.
import type { RunRecord } from '../schemas/generated/records.js';
import { readPlan } from '../store/plans.js';
import { readRun } from '../store/runs.js';
import { publishCommitted, publishRecord, readParts } from './catch-up.js';
import { openCursor, swapCursor, type RunName } from './cursor.js';
import type { RunStatus } from './mlflow-client.js';
import { ensureMlflowRun, type RunFacts } from './mlflow-run.js';
import { publish, type Publisher } from './publish.js';
import { iterationUnits, journalUnits, placeOf, type Iteration, type Metrics } from './units.js';

/** A place in the journal of an attempt; what the activities tell. */
export interface Mark {
  run: RunName & { planHash: string; pipeline: string };
  path: string;
  key: string;
  attempt: string;
}

export interface Sender {
  journal(mark: Mark): Promise<void>;
  committed(mark: Mark & { metrics: Metrics }, at: number): Promise<void>;
  /** The iterations that a click of a loop holds. */
  iterations(run: Mark['run'], path: string, iterations: readonly Iteration[], at: number): Promise<void>;
  /** All that the record leads to; ends the MLflow run when the run has ended. */
  record(record: RunRecord): Promise<void>;
}

export interface SenderOptions {
  experiment: string;
  /** Page of a run in the Temporal UI; null when no UI is known. */
  temporalPage: (workflowId: string, runId: string) => string | null;
}

/** All calls fail with MlflowError, StoreError or Busy. */
export function createSender(publisher: Publisher, options: SenderOptions): Sender {
  const { store } = publisher;
  const ensured = new Set<string>();
  const partsRead = new Map<string, number>();

  const ensure = async (run: RunName & { planHash: string }, known: RunRecord | null): Promise<void> => {
    const id = `${run.workflowId} ${run.runId}`;
    if (ensured.has(id)) return;
    await ensureMlflowRun(store, publisher.client, options.experiment, run, async (): Promise<RunFacts> => {
      const record = known ?? (await readRun(store, run.workflowId, run.runId));
      const plan = await readPlan(store, run.planHash);
      return {
        pipeline: plan.name,
        planHash: run.planHash,
        startMs: record === null ? publisher.clock() : Date.parse(record.startedAt),
        gitCommit: record?.gitCommit ?? null,
        temporalPage: options.temporalPage(run.workflowId, run.runId),
        params: plan.params,
        seed: plan.seed,
      };
    });
    ensured.add(id);
  };
  return {
    async journal({ run, path, key, attempt }) {
      const { name, iteration } = placeOf(path);
      if (iteration !== null) return;
      await ensure(run, null);
      const journal = `${key}/${attempt}`;
      const { points, next } = await readParts(store, key, attempt, partsRead.get(journal) ?? 0);
      await publish(publisher, run, journalUnits(name, points));
      partsRead.set(journal, next);
    },
    async committed(mark, at) {
      await ensure(mark.run, null);
      await publishCommitted(publisher, mark.run, { ...mark, at });
    },
    async iterations(run, path, iterations, at) {
      await ensure(run, null);
      await publish(publisher, run, iterationUnits(path, iterations, at));
    },
    async record(record) {
      await ensure(record, record);
      await publishRecord(publisher, record);
      if (record.state !== 'running') await finishRun(publisher, record);
    },
  };
}

async function finishRun({ store, client }: Publisher, record: RunRecord): Promise<void> {
  const { cursor, etag } = await openCursor(store, record);
  if (cursor.mlflowRunId === null) return;
  const statuses: Record<RunRecord['state'], RunStatus> = {
    running: 'RUNNING',
    done: 'FINISHED',
    failed: 'FAILED',
    gate_failed: 'FAILED',
    cancelled: 'KILLED',
  };
  await client.setTags(cursor.mlflowRunId, [{ key: 'pawl.state', value: record.state }]);
  const endMs = record.endedAt === null ? null : Date.parse(record.endedAt);
  await client.updateRun(cursor.mlflowRunId, { status: statuses[record.state], endMs });
  await swapCursor(store, etag, { ...cursor, complete: true });
}

// The tracker of the activities (activities/tracker.ts) for MLflow: everything behind the caller's back.
//
// Owns: a queue of work a run, and one warning an outage. Does not own: what was sent (cursor.ts), what there is to send
// (the journals, clicks and records of the store).
// I1: no call waits, none fails. I2: work that fails for lack of MLflow stays queued and is tried again; what is queued
// when the process ends is found again from the cursors by the next tracker.
import { randomUUID } from 'node:crypto';
import type { RunRecord } from '../schemas/generated/records.js';
import { readPlan } from '../store/plans.js';
import { readRun } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { publishCommitted, publishRecord, readParts } from './catch-up.js';
import { incompleteRuns, openCursor, swapCursor, type RunName } from './cursor.js';
import { createMlflowClient, type RunStatus } from './mlflow-client.js';
import { MlflowError } from './mlflow-error.js';
import { ensureMlflowRun, type RunFacts } from './mlflow-run.js';
import { Busy, publish, type Publisher } from './publish.js';
import { journalUnits, placeOf, type Metrics } from './units.js';

export interface TrackerOptions {
  store: ObjectStore;
  url: string;
  experiment: string;
  /** Page of a run in the Temporal UI; null when no UI is known. */
  temporalPage: (workflowId: string, runId: string) => string | null;
  warn: (message: string) => void;
  clock?: () => number;
  /** Pause before the next try while MLflow is down, ms. */
  retryMs?: number;
  timeoutMs?: number;
}

interface Mark {
  run: RunName & { planHash: string; pipeline: string };
  path: string;
  key: string;
  attempt: string;
}

export interface MlflowTracker {
  checkpointed(mark: Mark): void;
  stepCommitted(mark: Mark & { kind: string; metrics: Metrics }): void;
  runRecorded(news: { record: RunRecord; final: boolean }): void;
  /** Resolves when what was told so far has been sent, or given up for now because MLflow is down. */
  flush(): Promise<void>;
  /** Stops trying. */
  close(): Promise<void>;
}

/** One piece of work; the same id queued again replaces the older one. */
interface Job {
  id: string;
  run: RunName;
  work: () => Promise<void>;
}

const youngestForgottenMs = 14 * 24 * 3600 * 1000;

/** A tracker that at once begins to send what earlier workers have left unsent. */
export function createMlflowTracker(options: TrackerOptions): MlflowTracker {
  const clock = options.clock ?? Date.now;
  const client = createMlflowClient({ url: options.url, ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }) });
  const publisher: Publisher = { store: options.store, client, clock, holder: randomUUID() };
  const queue = new JobQueue(options);
  const ensured = new Set<string>();
  const partsRead = new Map<string, number>();

  const ensure = async (run: RunName, facts: () => Promise<RunFacts>): Promise<void> => {
    const id = idOf(run);
    if (ensured.has(id)) return;
    await ensureMlflowRun(options.store, client, options.experiment, run, facts);
    ensured.add(id);
  };
  const factsOf = async (run: RunName, planHash: string, start: { startMs: number; gitCommit: string | null }): Promise<RunFacts> => {
    const plan = await readPlan(options.store, planHash);
    const temporalPage = options.temporalPage(run.workflowId, run.runId);
    return { pipeline: plan.name, planHash, ...start, temporalPage, params: plan.params, seed: plan.seed };
  };
  const ensureFor = (mark: Mark) =>
    ensure(mark.run, async () => {
      const record = await readRun(options.store, mark.run.workflowId, mark.run.runId);
      const startMs = record === null ? clock() : Date.parse(record.startedAt);
      return factsOf(mark.run, mark.run.planHash, { startMs, gitCommit: record?.gitCommit ?? null });
    });
  const publishWhole = async (record: RunRecord): Promise<void> => {
    const startMs = Date.parse(record.startedAt);
    await ensure(record, () => factsOf(record, record.planHash, { startMs, gitCommit: record.gitCommit }));
    await publishRecord(publisher, record);
    if (record.state !== 'running') await finishRun(publisher, record);
  };
  // At once, also while MLflow is down: who comes after this process finds the run by its cursor.
  const remembered = new Set<string>();
  const remember = (run: RunName): void => {
    if (remembered.has(idOf(run))) return;
    remembered.add(idOf(run));
    openCursor(options.store, run).catch(() => remembered.delete(idOf(run)));
  };
  const tracker: MlflowTracker = {
    checkpointed(mark) {
      remember(mark.run);
      const { name, iteration } = placeOf(mark.path);
      if (iteration !== null) return;
      const journal = `${mark.key}/${mark.attempt}`;
      const work = async (): Promise<void> => {
        await ensureFor(mark);
        const { points, next } = await readParts(options.store, mark.key, mark.attempt, partsRead.get(journal) ?? 0);
        await publish(publisher, mark.run, journalUnits(name, points));
        partsRead.set(journal, next);
      };
      queue.add({ id: `${idOf(mark.run)} ${journal}`, run: mark.run, work });
    },
    stepCommitted(mark) {
      remember(mark.run);
      const at = clock();
      const work = async (): Promise<void> => {
        await ensureFor(mark);
        await publishCommitted(publisher, mark.run, { ...mark, at });
      };
      queue.add({ id: `${idOf(mark.run)} ${mark.path}`, run: mark.run, work });
    },
    runRecorded({ record }) {
      remember(record);
      queue.add({ id: `${idOf(record)} record`, run: record, work: () => publishWhole(record) });
    },
    flush: () => queue.flush(),
    close: () => queue.close(),
  };
  void leftBehind(options, clock).then((records) => {
    for (const record of records) tracker.runRecorded({ record, final: record.state !== 'running' });
  });
  return tracker;
}

/** Runs of which something is unsent. A store that cannot be read now has its own warnings. */
async function leftBehind({ store }: TrackerOptions, clock: () => number): Promise<RunRecord[]> {
  try {
    const runs = await incompleteRuns(store, clock() - youngestForgottenMs);
    const records = await Promise.all(runs.map(({ workflowId, runId }) => readRun(store, workflowId, runId)));
    return records.filter((record) => record !== null);
  } catch {
    return [];
  }
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

const idOf = (run: RunName): string => `${run.workflowId} ${run.runId}`;

/** Jobs one after the other. One that fails because MLflow is away, or busy, goes back to the end and is tried later. */
class JobQueue {
  readonly #jobs = new Map<string, Job>();
  readonly #options: Pick<TrackerOptions, 'warn' | 'retryMs' | 'url'>;
  #running: Promise<void> | null = null;
  #retry: NodeJS.Timeout | null = null;
  #isDown = false;
  #isClosed = false;

  constructor(options: Pick<TrackerOptions, 'warn' | 'retryMs' | 'url'>) {
    this.#options = options;
  }

  add(job: Job): void {
    this.#jobs.delete(job.id);
    this.#jobs.set(job.id, job);
    if (this.#retry === null) this.#start();
  }

  async flush(): Promise<void> {
    this.#start();
    while (this.#running !== null) await this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    await this.#running;
  }

  #start(): void {
    if (this.#isClosed) return;
    this.#running ??= this.#work().finally(() => {
      this.#running = null;
      if (this.#jobs.size > 0 && !this.#isClosed && this.#retry === null) this.#start();
    });
  }

  async #work(): Promise<void> {
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    for (const job of [...this.#jobs.values()]) {
      if (this.#isClosed) return;
      try {
        await job.work();
        if (this.#isDown) this.#options.warn(`MLflow at ${this.#options.url} answers again; what it missed is being sent`);
        this.#isDown = false;
        if (this.#jobs.get(job.id) === job) this.#jobs.delete(job.id);
      } catch (error) {
        if (!this.#keeps(job, error)) this.#jobs.delete(job.id);
        else return this.#later(error instanceof Busy ? 1_000 : (this.#options.retryMs ?? 15_000));
      }
    }
  }

  /** Whether the job is worth another try; says once what is wrong. */
  #keeps(job: Job, error: unknown): boolean {
    if (error instanceof Busy) return true;
    if (error instanceof MlflowError && (error.code === 'unreachable' || (error.status ?? 0) >= 500)) {
      if (!this.#isDown) {
        this.#options.warn(`MLflow is not used for now: ${error.message}. Runs go on; metrics are kept in the store and sent when it answers.`);
      }
      this.#isDown = true;
      return true;
    }
    const message = error instanceof Error ? error.message : String(error);
    this.#options.warn(`metrics of ${job.run.workflowId} did not reach MLflow: ${message}`);
    return false;
  }

  #later(delayMs: number): void {
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#start();
    }, delayMs);
    this.#retry.unref();
  }
}

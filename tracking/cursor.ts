// The cursor of a run: what of it MLflow has. One object in the store, changed by compare-and-swap only, so that workers
// on several hosts and a worker that died half-way agree.
import { names, type Etag, type ObjectStore } from '../store/store.js';
import type { Point } from './mlflow-client.js';
import type { Progress } from './progress.js';

/** Points that are being sent. Written before they are: whoever finds it later asks MLflow which of them arrived. */
export interface Intent {
  holder: string;
  /** Milliseconds since the epoch. */
  at: number;
  points: Point[];
  /** The progress once they are there. */
  then: Progress;
}

export interface Cursor {
  schema: 1;
  workflowId: string;
  runId: string;
  experimentId: string | null;
  mlflowRunId: string | null;
  progress: Progress;
  intent: Intent | null;
  /** The run has ended and everything of it has been sent. */
  complete: boolean;
}

export interface RunName {
  workflowId: string;
  runId: string;
}

export interface VersionedCursor {
  cursor: Cursor;
  etag: Etag;
}

/** A cursor of a run of which MLflow has nothing. Pure. */
export const emptyCursor = ({ workflowId, runId }: RunName): Cursor => ({
  schema: 1,
  workflowId,
  runId,
  experimentId: null,
  mlflowRunId: null,
  progress: { last: {}, iterations: {}, finals: [] },
  intent: null,
  complete: false,
});

/** The cursor as it stands, made when there is none. */
export async function openCursor(store: ObjectStore, run: RunName): Promise<VersionedCursor> {
  const name = names.cursor(run.workflowId, run.runId);
  for (;;) {
    const standing = await store.getVersioned(name);
    if (standing !== null) return { cursor: parse(standing.body), etag: standing.etag };
    await store.createIfAbsent(name, JSON.stringify(emptyCursor(run)));
  }
}

/** Replaces the cursor; false when another worker has changed it meanwhile. */
export const swapCursor = (store: ObjectStore, etag: Etag, cursor: Cursor): Promise<boolean> =>
  store.compareAndSwap(names.cursor(cursor.workflowId, cursor.runId), etag, JSON.stringify(cursor));

/** The cursor of a run; null when nothing of it was ever tracked. */
export async function readCursor(store: ObjectStore, run: RunName): Promise<Cursor | null> {
  const body = await store.get(names.cursor(run.workflowId, run.runId));
  return body === null ? null : parse(body);
}

/** The runs with something left to send, of those touched since `sinceMs`. Reads every cursor that young. */
export async function incompleteRuns(store: ObjectStore, sinceMs: number): Promise<RunName[]> {
  const found: RunName[] = [];
  for await (const { name, modifiedAt } of store.list('cursors/')) {
    const body = modifiedAt < sinceMs ? null : await store.get(name);
    if (body === null) continue;
    const { complete, workflowId, runId } = parse(body);
    if (!complete) found.push({ workflowId, runId });
  }
  return found;
}

/** Page of the run in MLflow; null until it has one. Pure. */
export const mlflowPage = (url: string, cursor: Cursor): string | null =>
  cursor.mlflowRunId === null ? null : `${url}/#/experiments/${cursor.experimentId ?? '0'}/runs/${cursor.mlflowRunId}`;

/** Only this file writes cursors, so what is read has their shape. */
const parse = (body: Uint8Array): Cursor => JSON.parse(Buffer.from(body).toString('utf8')) as Cursor;

// Sends points to MLflow exactly once, although MLflow only ever appends.
//
// I1: before points are sent, the cursor holds them as an intent.
// I2: an intent is removed only when MLflow has every point of it; who finds one it did not just write asks MLflow which
//     points arrived and sends the others.
// I3: one holder at a time: an intent of another worker is left alone until it is stale.
import type { ObjectStore } from '../store/store.js';
import { openCursor, swapCursor, type Intent, type RunName, type VersionedCursor } from './cursor.js';
import { batchLimits, type MlflowClient, type Point } from './mlflow-client.js';
import { nextBatch, type Unit } from './progress.js';

export interface Publisher {
  store: ObjectStore;
  client: MlflowClient;
  clock: () => number;
  /** Names this process; another one has another name. */
  holder: string;
}

/** Longer than a request may take: a sender that old is dead. */
export const staleAfterMs = 60_000;

/** Another worker is sending points of this run; try again soon. */
export class Busy extends Error {}

/**
 * Sends what of the units is not published. The run must have its MLflow run in the cursor. Safe to call again after any
 * failure and by several workers. Fails with MlflowError, StoreError, or Busy.
 */
export async function publish(publisher: Publisher, run: RunName, units: readonly Unit[]): Promise<void> {
  for (;;) {
    const versioned = await openCursor(publisher.store, run);
    if (versioned.cursor.intent !== null) {
      await finish(publisher, versioned, versioned.cursor.intent);
      continue;
    }
    const batch = nextBatch(units, versioned.cursor.progress, batchLimits.metrics);
    if (batch === null) return;
    const intent: Intent = { holder: publisher.holder, at: publisher.clock(), ...batch };
    if (!(await swapCursor(publisher.store, versioned.etag, { ...versioned.cursor, intent }))) continue;
    await send(publisher, versioned.cursor.mlflowRunId, batch.points);
    await settle(publisher, run, intent);
  }
}

/** Completes what an earlier call, or another worker, has left behind. */
async function finish(publisher: Publisher, { cursor, etag }: VersionedCursor, found: Intent): Promise<void> {
  const own = found.holder === publisher.holder;
  if (!own && publisher.clock() - found.at < staleAfterMs)
    throw new Busy(`${found.holder} is sending points of this run`);
  const intent: Intent = { ...found, holder: publisher.holder, at: publisher.clock() };
  if (!(await swapCursor(publisher.store, etag, { ...cursor, intent }))) return;
  const missing = await missingOf(publisher.client, cursor.mlflowRunId, intent.points);
  await send(publisher, cursor.mlflowRunId, missing);
  await settle(publisher, cursor, intent);
}

async function missingOf(client: MlflowClient, mlflowRunId: string | null, points: Point[]): Promise<Point[]> {
  if (mlflowRunId === null) return points;
  const missing: Point[] = [];
  for (const key of new Set(points.map((point) => point.key))) {
    const arrived = new Set((await client.history(mlflowRunId, key)).map(({ step }) => step));
    missing.push(...points.filter((point) => point.key === key && !arrived.has(point.step)));
  }
  return missing;
}

async function send({ client }: Publisher, mlflowRunId: string | null, points: Point[]): Promise<void> {
  if (mlflowRunId === null) throw new Error('Internal error: points of a run that has no MLflow run');
  if (points.length > 0) await client.logPoints(mlflowRunId, points);
}

/** Records that the points of the intent are there. Somebody else may have done it meanwhile: then nothing is left to do. */
async function settle({ store }: Publisher, run: RunName, intent: Intent): Promise<void> {
  const { cursor, etag } = await openCursor(store, run);
  if (cursor.intent?.holder !== intent.holder || cursor.intent.at !== intent.at) return;
  await swapCursor(store, etag, { ...cursor, progress: intent.then, intent: null });
}

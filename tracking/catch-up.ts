// What the store knows of a run, as units for publish(): safe to gather again and again, publish() sends what is new.
import { journalPoints, type JournalPoint } from '../schemas/journal.js';
import type { RunRecord, StepRecord } from '../schemas/generated/records.js';
import { listClicks } from '../store/clicks.js';
import { readResult } from '../store/results.js';
import { names, type ObjectStore } from '../store/store.js';
import type { RunName } from './cursor.js';
import { openCursor } from './cursor.js';
import { publish, type Publisher } from './publish.js';
import { finalUnit, iterationUnit, iterationUnits, journalUnits, placeOf, type Metrics } from './units.js';

/** The points of one attempt's journal from part `from` on, and the number of the part that comes next. */
export async function readParts(
  store: ObjectStore,
  key: string,
  attempt: string,
  from = 0,
): Promise<{ points: JournalPoint[]; next: number }> {
  const points: JournalPoint[] = [];
  for (let part = from; ; part++) {
    const body = await store.get(names.journal(key, attempt, part));
    if (body === null) return { points, next: part };
    points.push(...journalPoints(Buffer.from(body).toString('utf8')));
  }
}

/** Sends the committed metrics of a step, its journal first when it has one. */
export async function publishCommitted(
  publisher: Publisher,
  run: RunName,
  step: { path: string; key: string; metrics: Metrics; attempt: string | null; at: number },
): Promise<void> {
  const { name, iteration } = placeOf(step.path);
  if (iteration !== null) return publish(publisher, run, [iterationUnit(name, iteration, step.metrics, step.at)]);
  if (step.attempt !== null) {
    const { points } = await readParts(publisher.store, step.key, step.attempt);
    await publish(publisher, run, journalUnits(name, points));
  }
  // The series are known now: they decide under which name a committed value goes.
  const { cursor } = await openCursor(publisher.store, run);
  await publish(publisher, run, [finalUnit(name, step.metrics, step.at, cursor.progress)]);
}

/** Sends everything that the record of a run leads to: steps, cached ones too, iterations of loops, and the run's metrics. */
export async function publishRecord(publisher: Publisher, record: RunRecord): Promise<void> {
  for (const step of record.steps) {
    if (step.key === null || (step.state !== 'done' && step.state !== 'cached')) continue;
    if (step.kind === 'loop') continue;
    const result = await readResult(publisher.store, step.key);
    const at = Date.parse(result?.endedAt ?? step.endedAt ?? record.startedAt);
    await publishCommitted(publisher, record, {
      path: step.path,
      key: step.key,
      metrics: step.metrics,
      attempt: result?.journal ?? null,
      at,
    });
  }
  for (const step of record.steps) if (step.kind === 'loop') await publishLoop(publisher, record, step);
  if (record.state === 'running') return;
  const { cursor } = await openCursor(publisher.store, record);
  const at = Date.parse(record.endedAt ?? record.startedAt);
  await publish(publisher, record, [finalUnit('', record.metrics, at, cursor.progress)]);
}

async function publishLoop(publisher: Publisher, record: RunRecord, step: StepRecord): Promise<void> {
  if (step.key === null) return;
  const at = Date.parse(step.endedAt ?? step.startedAt ?? record.startedAt);
  if (placeOf(step.path).iteration !== null) return;
  const done = step.clicks ?? Infinity;
  const iterations = (await listClicks(publisher.store, step.key)).filter(({ index }) => index < done);
  await publish(publisher, record, iterationUnits(step.path, iterations, at));
}

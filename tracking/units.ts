// From what the store keeps to the points that MLflow shows. Pure.
//   journal of `sft`, step 40, loss             -> sft.loss at step 40
//   committed metrics of `rl[12].update`        -> rl.update.kl at step 12; journals inside loops are not sent
//   committed metrics of `eval`                 -> eval.ndcg_at_10 at step 0
//   metrics of the pipeline                     -> their own names at step 0
import { parsePath } from '../schemas/ids.js';
import type { JournalPoint } from '../schemas/journal.js';
import { batchLimits, type Point } from './mlflow-client.js';
import type { Progress, Unit } from './progress.js';

/** Where a step is: the name that its metrics begin with, and the innermost iteration. */
export interface StepPlace {
  name: string;
  iteration: number | null;
}

/** `rl[12].update` -> rl.update at 12; `a[3].b[4].c` -> a.3.b.c at 4; `sft` -> sft at null. Pure. */
export function placeOf(path: string): StepPlace {
  const segments = parsePath(path) ?? [{ name: path, index: null }];
  const innermost = segments.findLastIndex(({ index }) => index !== null);
  const name = segments
    .map((segment, at) =>
      segment.index === null || at === innermost ? segment.name : `${segment.name}.${segment.index}`,
    )
    .join('.');
  return { name, iteration: segments[innermost]?.index ?? null };
}

/** The points of a journal of a step outside loops, in its order. */
export const journalUnits = (name: string, points: readonly JournalPoint[]): Unit[] =>
  points.map(({ step, at, values }) => ({ points: pointsOf(name, values, step, at), completes: { series: true } }));

/** The committed metrics of one iteration of a step. */
export const iterationUnit = (name: string, index: number, metrics: Metrics, timestamp: number): Unit => ({
  points: pointsOf(name, metrics, index, timestamp),
  completes: { iteration: { step: name, index } },
});

/** An iteration of a loop: what its steps measured. */
export interface Iteration {
  index: number;
  metrics: Record<string, Metrics>;
}

/** Iterations of the loop at `path`, as they stand in its clicks. Pure. */
export const iterationUnits = (path: string, iterations: readonly Iteration[], timestamp: number): Unit[] =>
  iterations.flatMap(({ index, metrics }) =>
    Object.entries(metrics).map(([step, values]) =>
      iterationUnit(placeOf(`${path}[${index}].${step}`).name, index, values, timestamp),
    ),
  );

/**
 * The committed metrics of a step outside loops; name '' for those of the run. A metric that the journal has drawn as a
 * series keeps that one, and its committed value goes beside it as <step>.final.<metric>.
 */
export function finalUnit(name: string, metrics: Metrics, timestamp: number, progress: Progress): Unit {
  const renamed = Object.fromEntries(
    Object.entries(metrics).map(([metric, value]) => [
      `${name}.${metric}` in progress.last ? `final.${metric}` : metric,
      value,
    ]),
  );
  return { points: pointsOf(name, renamed, 0, timestamp), completes: { final: name } };
}

export type Metrics = Record<string, number | null>;

/** Values that are not finite are not sent: MLflow would take NaN for a number. */
function pointsOf(name: string, values: Metrics, step: number, timestamp: number): Point[] {
  return Object.entries(values)
    .filter((entry): entry is [string, number] => entry[1] !== null && Number.isFinite(entry[1]))
    .map(([metric, value]) => ({
      key: (name === '' ? metric : `${name}.${metric}`).replace(/[^\w\-./: ]/g, '_').slice(0, batchLimits.keyLength),
      value,
      step,
      timestamp: Math.round(timestamp),
    }));
}

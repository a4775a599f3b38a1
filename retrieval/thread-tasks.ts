// What a worker thread of retrieval/ can do, by name. Inputs and outputs cross between threads, so they are plain data and typed arrays.
import { bm25Ranks, tuneBm25 } from './bm25-ranks.js';
import { bm25Top } from './bm25-top.js';
import { compareReports } from './compare-reports.js';
import { evaluationRanks } from './evaluation-ranks.js';
import { idOrderOf } from './corpus.js';
import { countNotBelow, topRows } from './exact-search.js';
import { crossFit } from './refresh/cross-fit.js';
import { nearestCentres } from './refresh/nearest-centres.js';
import { exposures, flips, proximities } from './refresh/proximity.js';
import { modeFigures } from './report.js';

export const threadTasks = {
  countNotBelow,
  topRows,
  evaluationRanks,
  bm25Ranks,
  tuneBm25,
  bm25Top,
  compareReports,
  idOrderOf,
  modeFigures,
  proximities,
  exposures,
  flips,
  nearestCentres,
  crossFit,
};

export type TaskName = keyof typeof threadTasks;
export type TaskInput<T extends TaskName> = Parameters<(typeof threadTasks)[T]>[0];
export type TaskOutput<T extends TaskName> = Awaited<ReturnType<(typeof threadTasks)[T]>>;

/** Main thread to worker thread. */
export interface TaskRequest {
  id: number;
  task: TaskName;
  input: unknown;
}

/** Worker thread to main thread; a RetrievalError keeps its class. */
export type TaskReply =
  | { id: number; value: unknown }
  | { id: number; error: { message: string; failureClass: string | null; stack: string } };

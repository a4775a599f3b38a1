// Where metrics go beside the store (MLflow): what the activities tell it. Implemented in tracking/.
import type { RunRecord } from '../schemas/generated/records.js';
import type { IterationView, RunInfo } from './calls.js';

/** The points up to here are safe: a checkpoint or a commit holds them, no rewind takes them back. */
export interface JournalMark {
  run: RunInfo;
  path: string;
  key: string;
  /** Its journal is {key, attempt} in store/journals.ts; the lines are those of schemas/journal.ts. */
  attempt: string;
  /** Bytes of it that are safe; later ones may be rewound. Offsets mean the same in the journals of later attempts. */
  bytes: number;
}

/**
 * A tracker never blocks and never fails a step: every call returns at once, work is done behind it, trouble is its own
 * warning. The journals in the store are the truth that it catches up from.
 */
export interface Tracker {
  checkpointed(mark: JournalMark): void;
  stepCommitted(mark: JournalMark & { kind: string; metrics: Record<string, number | null> }): void;
  /** A click of a loop that holds several iterations: what their steps measured is safe now. */
  clicked(news: { run: RunInfo; path: string; iterations: IterationView[] }): void;
  runRecorded(news: { record: RunRecord; final: boolean }): void;
  /** Resolves when what was told so far has been sent, or given up. */
  flush(): Promise<void>;
}

/** The tracker of a run without one. */
export const noTracker: Tracker = {
  checkpointed: () => undefined,
  stepCommitted: () => undefined,
  clicked: () => undefined,
  runRecorded: () => undefined,
  flush: () => Promise.resolve(),
};

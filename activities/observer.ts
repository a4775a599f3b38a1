// What happens on a worker, told to whoever measures or logs it. Every call returns at once and never fails.
import type { LogName } from '../store/logs.js';

export interface Observer {
  /** A step waited because another run worked at its key. */
  claimWaited(): void;
  checkpointWritten(bytes: number): void;
  committed(kind: string, metrics: Readonly<Record<string, number | null>>): void;
  /** A line of a trainer or program, secrets masked. */
  said(step: LogName, line: string): void;
}

/** Of a worker that nobody looks at. */
export const noObserver: Observer = {
  claimWaited: () => undefined,
  checkpointWritten: () => undefined,
  committed: () => undefined,
  said: () => undefined,
};

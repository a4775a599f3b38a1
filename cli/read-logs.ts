// The text of kept logs, read as they grow: each call returns what is new.
import { listLogs, readLogPart, type KeptLog } from '../store/logs.js';
import { readResult } from '../store/results.js';
import type { ObjectStore } from '../store/store.js';

export interface LogText {
  log: KeptLog;
  /** Whole lines. */
  text: string;
  /** Something between this and what came before was left out: the log is longer than what is kept. */
  gap: boolean;
}

/** A function that hands on what each log has had written since the last call; those in `logs` alone. */
export function createLogReader(store: ObjectStore): (logs: readonly KeptLog[]) => AsyncGenerator<LogText> {
  const read = new Map<string, { part: number; length: number }>();
  return async function* (logs) {
    for (const log of logs) {
      const id = `${log.path} ${log.attempt}`;
      for (const part of log.parts) {
        const at = read.get(id) ?? { part: -1, length: 0 };
        if (part < at.part) continue;
        const whole = await readLogPart(store, log, part);
        const from = part === at.part ? at.length : 0;
        const end = whole.lastIndexOf('\n') + 1;
        if (end <= from) continue;
        read.set(id, { part, length: end });
        yield { log, text: whole.slice(from, end), gap: part > at.part + 1 };
      }
    }
  };
}

/** The logs of a run, or of a step of it; where the step's result was found, those of the run that made it. */
export async function logsOf(
  store: ObjectStore,
  run: { workflowId: string; step: string | undefined; keyAt: (path: string) => Promise<string | null> },
): Promise<KeptLog[]> {
  const own = await listLogs(store, run.workflowId, run.step);
  if (run.step === undefined || own.length > 0) return own;
  const key = await run.keyAt(run.step);
  const result = key === null ? null : await readResult(store, key);
  return result === null || result.run === run.workflowId ? [] : listLogs(store, result.run, result.path);
}

// The log of one attempt: what its trainer or program writes and the events worth a line, as lines with their time. Kept in
// the store while the attempt runs, within bounds: the beginning and the end of a long one.
// I1: secrets of the worker's environment are in no line. I2: a step that writes nothing costs nothing. I3: a store that cannot
// be written to never fails a step.
import { hostname } from 'node:os';
import type { LogName } from '../store/logs.js';
import type { ObjectStore } from '../store/store.js';
import { createMask, maskedLines } from './command/mask.js';
import type { Host } from './host.js';
import { toStepFailure } from './failure.js';
import { createLogParts, type LogBounds } from './log-parts.js';

export interface AttemptLog {
  /** Bytes that a program writes; kept line by line. */
  write(chunk: Buffer): void;
  /** An event in words. */
  note(text: string): void;
  /** Stores what is left; resolves when that has ended, well or not. */
  close(): Promise<void>;
}

/** At most 4 MiB an attempt: the first half megabyte, and the end. */
const usual: LogBounds = { partBytes: 64 * 1024, first: 8, most: 64, flushEveryMs: 2_000 };

/** Runs `work` with the log of an attempt; what it fails with is its last line. */
export async function withLog<Result>(
  host: Pick<Host, 'store' | 'clock' | 'programs' | 'observer'>,
  name: LogName,
  work: (log: AttemptLog) => Promise<Result>,
): Promise<Result> {
  const log = openAttemptLog(host.store, name, {
    clock: host.clock,
    secrets: secretsOf(host.programs.variables),
    said: (line) => host.observer.said(name, line),
  });
  try {
    return await work(log);
  } catch (error) {
    log.note(endOf(error));
    throw error;
  } finally {
    await log.close();
  }
}

function endOf(error: unknown): string {
  const isStop = error instanceof Error && ['AbortError', 'CancelledFailure'].includes(error.name);
  if (isStop) return 'stopped';
  const { failureClass, message, details } = toStepFailure(error);
  const { traceback } = details;
  return `failed [${failureClass}]: ${message}${typeof traceback === 'string' ? `\n${traceback}` : ''}`;
}

/** Opens a log; nothing is stored before there is something to store. */
export function openAttemptLog(
  store: ObjectStore,
  name: LogName,
  given: { clock: () => number; secrets: readonly string[]; said?: (line: string) => void; bounds?: LogBounds },
): AttemptLog {
  const { clock, bounds = usual } = given;
  const mask = createMask(given.secrets);
  const parts = createLogParts(store, name, bounds);
  let isBegun = false;
  const add = (text: string): void => {
    const at = new Date(clock()).toISOString();
    if (!isBegun) parts.add(`${at} attempt ${name.number} at ${name.path}, on ${hostname()}\n`);
    isBegun = true;
    parts.add(`${at} ${text}`);
    given.said?.(text.trimEnd());
  };
  const lines = maskedLines(mask, add);
  return {
    write: (chunk) => lines.write(chunk),
    note(text) {
      for (const line of text.split('\n')) add(`| ${mask(line)}\n`);
    },
    async close() {
      lines.end();
      await parts.close();
    },
  };
}

/** Values of the variables whose names say that they are secret. Pure. */
export function secretsOf(variables: Readonly<Record<string, string | undefined>>): string[] {
  const isSecret = /(token|secret|password|passwd|api_?key|access_key|private_key|credentials?|webhook)(_|$)/i;
  return Object.entries(variables).flatMap(([name, value]) =>
    value !== undefined && isSecret.test(name) ? [value] : [],
  );
}

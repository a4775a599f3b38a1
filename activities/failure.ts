// From a kind's failure to what Temporal sees: one ApplicationFailure whose type is the class, with a hint and the place.
import { ApplicationFailure } from '@temporalio/common';
import { hintOf, isRetryable } from '../schemas/failures.js';
import type { FailureClass, Retry } from '../schemas/generated/plan.js';
import type { LostTime } from '../schemas/lost-time.js';
import { diskText } from '../store/disk-space.js';
import { isFull, systemCode } from '../store/errors.js';
import { StepFailure } from './kind.js';

/** What the workflow reads from `details[0]` of a failed step. */
export interface FailureDetails {
  hint: string;
  path: string;
  /** Attempts without a newer checkpoint, this one included. */
  attempts: number;
  /** What faults and waiting have cost the step so far. */
  lost: LostTime;
  [fact: string]: unknown;
}

export interface FailureFacts {
  path: string;
  retry: Retry;
  /** Attempts without a newer checkpoint, this one included. */
  attempts: number;
  /** Whether this attempt stored a checkpoint newer than it started from. */
  progressed: boolean;
  lost: LostTime;
  /** Where the attempt writes. */
  folder?: string;
  /** Inputs of the step that take more memory the larger they are, with their values. */
  memory?: Record<string, unknown>;
}

/** The server keeps 4 kB of a pending failure; the traceback goes last, so that it is what is cut. */
const maxMessage = 3_000;

/**
 * The ApplicationFailure for anything that was thrown while a step ran: type = failure class, details[0] = FailureDetails.
 * It is retried when the pipeline's `retry.for` or else the table says so, and attempts without progress are left. Pure.
 */
export function fail(error: unknown, facts: FailureFacts): ApplicationFailure {
  const failure = toStepFailure(error, facts.folder);
  const used = facts.progressed ? 0 : facts.attempts;
  const retryable = isTriedAgain(failure.failureClass, facts.retry, used);
  const details: FailureDetails = {
    hint: hintFor(failure.failureClass, facts.memory),
    path: facts.path,
    attempts: facts.attempts,
    lost: facts.lost,
    ...shortened(failure.details),
  };
  return ApplicationFailure.create({
    type: failure.failureClass,
    message: cut(failure.message, maxMessage),
    details: [details],
    nonRetryable: !retryable,
    ...(retryable ? { nextRetryDelay: backoffMs(facts.retry, used) } : {}),
  });
}

/** Whether failures of this class are tried again under this policy. Pure. */
export function mayRetry(failureClass: FailureClass, retry: Retry): boolean {
  // What is lost does not come back to the step that reads it: its loop goes back to where nothing is missing.
  if (failureClass === 'cancelled' || failureClass === 'volatile_lost') return false;
  return retry.for === null ? isRetryable(failureClass) : retry.for.includes(failureClass);
}

/** A worker that is too old leaves the step to another one: that uses up no attempt, whatever the pipeline retries. Pure. */
const isTriedAgain = (failureClass: FailureClass, retry: Retry, used: number): boolean =>
  failureClass === 'worker_outdated' || (mayRetry(failureClass, retry) && used < retry.attempts);

/** The hint of the table; when memory ran out, with the inputs that could be lower. Pure. */
function hintFor(failureClass: FailureClass, memory: Record<string, unknown> = {}): string {
  const inputs = Object.entries(memory).map(([name, value]) => `\`${name}\` (now ${String(value)})`);
  if (failureClass !== 'oom' || inputs.length === 0) return hintOf(failureClass);
  return `Memory ran out. Lower ${inputs.join(' or ')}, or give the step a machine with more memory.`;
}

/** Milliseconds before the next attempt: doubled with every attempt without progress. Pure. */
export const backoffMs = (retry: Retry, attempts: number): number =>
  Math.min(retry.maxBackoffMs, retry.backoffMs * 2 ** Math.max(0, attempts - 1));

/** A StepFailure for anything thrown: those of the store keep their class, a full disk is named, the rest is a bug. */
export function toStepFailure(error: unknown, folder = '.'): StepFailure {
  if (error instanceof StepFailure) return error;
  if (!(error instanceof Error)) return new StepFailure('internal', `Internal error: ${String(error)}`);
  const named = classOf(error);
  if (named !== null) return new StepFailure(named, error.message, detailsOf(error));
  const { path } = error as NodeJS.ErrnoException;
  if (isFull(systemCode(error))) {
    // A write, unlike an open, does not say to which file.
    const disk = diskText(path ?? folder);
    return new StepFailure(
      'store_unavailable',
      `The disk is full: ${error.message}. ${disk} Free some space; the step goes on by itself.`,
    );
  }
  const message = error.message.startsWith('Internal error') ? error.message : `Internal error: ${error.message}`;
  return new StepFailure('internal', message, { traceback: error.stack ?? null });
}

/** Errors of other parts carry their class in `failureClass`, so that activities need not know their types. */
function classOf(error: Error): FailureClass | null {
  const named = (error as { failureClass?: unknown }).failureClass;
  return typeof named === 'string' ? (named as FailureClass) : null;
}

function detailsOf(error: Error): Record<string, unknown> {
  const { details } = error as { details?: unknown };
  return typeof details === 'object' && details !== null ? { ...details } : {};
}

function shortened(details: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, typeof value === 'string' ? cut(value, maxMessage) : value]),
  );
}

/** Keeps the beginning and the end, where the facts are. */
const cut = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length / 3)}\n…\n${text.slice(text.length - (2 * length) / 3)}`;

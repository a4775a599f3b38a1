// Failures as the interpreter makes and reads them. Everything it throws is an ApplicationFailure whose type is a failure
// class (or `gate`), or a CancelledFailure: a plain Error would fail the workflow task for ever.
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import failureClasses from '../schemas/failure-classes.json' with { type: 'json' };
import { ExpressionError } from '../expressions/evaluate.js';
import type { FailureClass } from '../schemas/generated/plan.js';
import { isLostTime } from '../schemas/lost-time.js';
import type { Ledger } from '../schemas/lost-time.js';
import type { FailureView } from './status.js';

const gateHint = 'A gate holds back what depends on it. Look at the values it names; lower the bar only on purpose.';

/** A failure of a class, for good. Pure. */
export const failure = (
  type: FailureClass | 'gate',
  message: string,
  details?: Record<string, unknown>,
): ApplicationFailure =>
  ApplicationFailure.create({
    type,
    message,
    nonRetryable: true,
    ...(details === undefined ? {} : { details: [details] }),
  });

/** Whether a name is a failure class. Pure. */
export const isFailureClass = (name: unknown): name is FailureClass =>
  typeof name === 'string' && Object.hasOwn(failureClasses, name);

/** Classes that are not tried again: all but `only` where that is given, else those of the table. Pure. */
export const finalClasses = (only: FailureClass[] | null): FailureClass[] =>
  (Object.keys(failureClasses) as FailureClass[]).filter((name) => {
    if (name === 'worker_outdated') return false; // another worker's turn: not an attempt
    return only === null ? !failureClasses[name].retryable : !only.includes(name);
  });

const hintOf = (type: FailureClass | 'gate'): string => (type === 'gate' ? gateHint : failureClasses[type].hint);

/** A failure for the status, the record and the message of the run. Pure. */
export const failureView = (path: string, type: FailureClass | 'gate', message: string): FailureView => ({
  path,
  class: type,
  message,
  hint: hintOf(type),
});

export const isCancelled = (error: unknown): error is CancelledFailure => error instanceof CancelledFailure;

/** Whether an error is a failure of one of the classes. Pure. */
export const isOfClass = (error: unknown, classes: FailureClass[]): boolean =>
  error instanceof ApplicationFailure && (classes as string[]).includes(error.type ?? '');

/** Whether an error is the way the SDK ends an execution that continues as new. */
export const isContinueAsNew = (error: unknown): boolean => error instanceof Error && error.name === 'ContinueAsNew';

/** The failures that an error of a step or of a loop's workflow stands for. Pure. */
export function readFailures(error: unknown, path: string): { failures: FailureView[]; failFast: boolean } {
  if (error instanceof ApplicationFailure) {
    const [inner, options] = error.details ?? [];
    if (isFailureList(inner)) return { failures: inner, failFast: isRecord(options) && options['failFast'] === true };
    const type = error.type === 'gate' || isFailureClass(error.type) ? error.type : 'internal';
    // What the activity says of its own step is more to the point than the table.
    const hint = isRecord(inner) && typeof inner['hint'] === 'string' ? { hint: inner['hint'] } : {};
    return { failures: [{ ...failureView(path, type, error.message), ...hint }], failFast: false };
  }
  if (error instanceof ExpressionError) {
    return { failures: [failureView(path, 'expression', `\`${error.source}\`: ${error.message}`)], failFast: false };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { failures: [failureView(path, 'internal', `Internal error: ${message}`)], failFast: false };
}

/** Attempts that a failed step took, where its activity says so; else 1. Pure. */
export function attemptsOf(error: unknown): number {
  const [facts] = (error instanceof ApplicationFailure ? error.details : null) ?? [];
  return isRecord(facts) && typeof facts['attempts'] === 'number' ? facts['attempts'] : 1;
}

/** What faults had cost and the cache saved until a step or a loop failed; nothing where its error does not say. Pure. */
export function ledgerOf(error: unknown): Partial<Ledger> {
  const details = (error instanceof ApplicationFailure ? error.details : null) ?? [];
  const facts = isFailureList(details[0]) ? details[1] : details[0];
  if (!isRecord(facts)) return {};
  const { lost, saved } = facts;
  return { ...(isLostTime(lost) ? { lost } : {}), ...(typeof saved === 'number' ? { saved } : {}) };
}

/**
 * The one failure of a run or a loop: type of the first that is no gate, a message that lists all, details = the list. That
 * of a loop carries its ledger to the level around it. Pure.
 */
export function failureOfAll(
  failures: FailureView[],
  failFast: boolean,
  ledger: Partial<Ledger> = {},
): ApplicationFailure {
  const first = failures.find((one) => one.class !== 'gate') ?? failures[0];
  const lines = failures.map((one) => `${one.path}: ${one.message} [${one.class}]`);
  const message = lines.length === 1 ? (lines[0] ?? '') : `${lines.length} steps failed:\n${lines.join('\n')}`;
  return ApplicationFailure.create({
    type: first?.class ?? 'internal',
    message,
    nonRetryable: true,
    details: [failures, { failFast, ...ledger }],
  });
}

/** An error as what a workflow may throw: unchanged where it may, else a failure of class internal. Pure. */
export function throwable(error: unknown, path: string): unknown {
  if (error instanceof ApplicationFailure || isCancelled(error) || isContinueAsNew(error)) return error;
  return failureOfAll(readFailures(error, path).failures, false);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const isFailureList = (value: unknown): value is FailureView[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((item) => isRecord(item) && typeof item['path'] === 'string' && typeof item['class'] === 'string');

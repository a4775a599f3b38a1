// The failure classes: one table for TypeScript and Python (schemas/failure-classes.json).
import { failureClasses } from './generated/kinds.js';
import type { FailureClass } from './generated/plan.js';

export type { FailureClass };
export type FailureClassTable = Record<FailureClass, { retryable: boolean; exitCode: number | null; hint: string }>;

/** The hint for the person who reads a failure of this class. Pure. */
export const hintOf = (failureClass: FailureClass): string => failureClasses[failureClass].hint;

/** Whether a failure of this class is tried again when the pipeline does not say. Pure. */
export const isRetryable = (failureClass: FailureClass): boolean => failureClasses[failureClass].retryable;

/** Every failure class, in the order of the table. */
export const allFailureClasses = (): FailureClass[] => Object.keys(failureClasses) as FailureClass[];

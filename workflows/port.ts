// All that the interpreter may do to the world. Two implementations: port-temporal.ts, and port-in-process.ts with a
// virtual clock, for tests and `pawl test`.
import type { LocalActivities, StepCall, StepOutcome } from '../activities/calls.js';

/** How one step activity is scheduled. */
export interface StepSchedule {
  /** Queue to send it to; the step's kind decides whether it is the workflow's or a trainer's. */
  queue: string;
  /** When set: give up waiting on `queue` after so long and go to `fallbackQueue` (slot lease). */
  scheduleToStartMs: number | null;
  fallbackQueue: string | null;
  timeoutMs: number | null;
  deadlineMs: number | null;
  summary: string;
}

export interface ChildHandle<Output> {
  /** Settles when the child has ended; fails with what the child failed with. */
  result: Promise<Output>;
}

export interface Port {
  /** Runs the activity named call.uses with activity id call.path; fails with ApplicationFailure (type = failure class) or a cancellation. */
  runStep(call: StepCall, schedule: StepSchedule): Promise<StepOutcome>;
  runLocal<Name extends keyof LocalActivities>(
    name: Name,
    input: Parameters<LocalActivities[Name]>[0],
  ): ReturnType<LocalActivities[Name]>;
  /** Starts the workflow of a loop as a child. */
  startChild<Input, Output>(child: { workflowType: string; workflowId: string; input: Input; summary: string }): Promise<ChildHandle<Output>>;
  sleep(ms: number, summary: string): Promise<void>;
  /** Resolves true when the predicate holds, false after timeoutMs. */
  condition(predicate: () => boolean, timeoutMs?: number): Promise<boolean>;
  /** Milliseconds since the epoch, deterministic. */
  now(): number;
  /** Whether the history is long enough to start afresh; tests lower the threshold. */
  shouldContinueAsNew(): boolean;
  continueAsNew(input: unknown): Promise<never>;
  /** Markdown for the Temporal UI, at most 20 kB. */
  show(markdown: string): void;
  setAttributes(attributes: { step?: string; iteration?: number }): void;
  log(level: 'info' | 'warning', message: string, facts?: Record<string, unknown>): void;
}

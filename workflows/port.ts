// All that the interpreter may do to the world. Two implementations: port-temporal.ts, and port-in-process.ts with a
// virtual clock, for tests and `pawl test`.
// Invariants. P1: nothing is cancelled behind the interpreter's back: a cancel request only calls `onCancel`; what runs is
// stopped through its Stop. P2: what fails, fails with ApplicationFailure (type = failure class) or CancelledFailure.
import type {
  CommitVolatileInput,
  LocalActivities,
  FreshStepCall,
  StepCall,
  StepOutcome,
} from '../activities/calls.js';
import type { Stop } from './stop.js';

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

export interface ChildStart<Input> {
  workflowType: string;
  workflowId: string;
  input: Input;
  summary: string;
  /** Cancels the child; its result settles when it has ended. */
  stop: Stop;
}

export interface ChildHandle<Output> {
  /** Settles when the child has ended; fails with what the child failed with. */
  result: Promise<Output>;
  signal(name: string, argument: unknown): Promise<void>;
}

/** What a workflow answers while it runs. Validators throw to refuse; neither may wait. */
export interface Handlers {
  updates: Record<
    string,
    { description: string; validate: (argument: unknown) => void; handle: (argument: unknown) => unknown }
  >;
  signals: Record<string, (argument: unknown) => void>;
  queries: Record<string, { description: string; answer: () => unknown }>;
}

export interface Execution {
  workflowId: string;
  runId: string;
  /** Run id of the first execution of the chain of continue-as-new. */
  firstRunId: string;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

export interface Port {
  execution(): Execution;
  /** Runs the activity named call.uses with activity id call.path. When `stop` is requested it cancels it and waits for its end. */
  runStep(call: StepCall | FreshStepCall, schedule: StepSchedule, stop: Stop): Promise<StepOutcome>;
  runLocal<Name extends keyof LocalActivities>(
    name: Name,
    input: Parameters<LocalActivities[Name]>[0],
  ): Promise<Awaited<ReturnType<LocalActivities[Name]>>>;
  /**
   * Has a host commit results that it holds; whether another run's stand for one of them. Fails with volatile_lost when nobody
   * polls its queue, or it has lost them.
   */
  commitVolatile(input: CommitVolatileInput, queue: string): Promise<boolean>;
  /** Starts the workflow of a loop as a child. */
  startChild<Input, Output>(child: ChildStart<Input>): Promise<ChildHandle<Output>>;
  /** Resolves true when the predicate holds, false after timeoutMs on a durable timer. */
  condition(predicate: () => boolean, timer?: { timeoutMs: number; summary: string }): Promise<boolean>;
  /** Calls back when the cancellation of this workflow is requested. */
  onCancel(listener: () => void): void;
  serve(handlers: Handlers): void;
  /** Milliseconds since the epoch, deterministic. */
  now(): number;
  /** Whether the history is long enough to start afresh; tests lower the threshold. */
  shouldContinueAsNew(): boolean;
  continueAsNew(input: unknown): Promise<never>;
  /** Markdown for the Temporal UI, at most 20 kB. */
  show(markdown: string): void;
  setAttributes(attributes: { pipeline?: string; gitSha?: string; step?: string; iteration?: number }): void;
  log(level: 'info' | 'warning', message: string, facts?: Record<string, unknown>): void;
}

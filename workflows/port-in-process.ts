// The port in one process on a virtual clock: the interpreter with activities given as plain functions. For tests, and for
// trying a pipeline without servers. Owns the executions by workflow id; what crosses between them and the activities goes
// through JSON, as it does on Temporal.
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { LocalActivities, StepCall, StepOutcome } from '../activities/calls.js';
import { finalClasses } from './failure.js';
import { runWorkflow } from './interpreter.js';
import type { RootInput } from './interpreter.js';
import type { LoopInput } from './loop-input.js';
import type { ChildHandle, ChildStart, Handlers, Port, StepSchedule } from './port.js';
import type { Stop } from './stop.js';
import { createClock } from './virtual-clock.js';
import type { VirtualClock } from './virtual-clock.js';

/** What a fake activity may use besides its call. */
export interface StepHost {
  /** The queue it was taken from. */
  queue: string;
  /** From 1. */
  attempt: number;
  stop: Stop;
  now(): number;
  /** Virtual time; throws CancelledFailure when the step is stopped meanwhile. */
  sleep: (ms: number) => Promise<void>;
}

export type InProcessStep = (call: StepCall, host: StepHost) => StepOutcome | Promise<StepOutcome>;

export interface WorldOptions {
  /** By step kind. */
  activities: Record<string, InProcessStep>;
  local: LocalActivities;
  /** Queues that nobody polls. */
  deafQueues?: Set<string>;
  /** Steps and children after which a history counts as long; default never. */
  continueAsNewAfter?: number;
  startAt?: number;
}

export interface InProcessRun {
  result: Promise<unknown>;
  /** Number of executions of the chain so far. */
  executions(): number;
  update(name: string, argument: unknown): unknown;
  query(name: string): unknown;
  cancel(): void;
  /** The current details. */
  shown(): string;
  attributes(): Record<string, unknown>;
}

export interface World {
  clock: VirtualClock;
  start(workflowId: string, input: RootInput | LoopInput): InProcessRun;
  /** The run or loop under a workflow id. */
  get(workflowId: string): InProcessRun | undefined;
  /** Lets time pass until the run has ended; its result, or throws its failure. */
  finish(run: InProcessRun): Promise<unknown>;
}

interface Execution {
  workflowId: string;
  count: number;
  commands: number;
  handlers: Handlers;
  details: string;
  attributes: Record<string, unknown>;
  isCancelRequested: boolean;
  cancelListeners: (() => void)[];
}

/** Ends an execution of a chain; named as in Temporal's SDK, for failure.ts. */
class ContinueAsNew extends Error {
  readonly input: RootInput | LoopInput;
  constructor(input: RootInput | LoopInput) {
    super('continues as new');
    this.name = 'ContinueAsNew';
    this.input = input;
  }
}

/** A world without servers, at rest until something is started in it. */
export function createWorld(options: WorldOptions): World {
  const clock = createClock(options.startAt ?? Date.UTC(2026, 0, 1));
  const runs = new Map<string, InProcessRun>();
  const start = (workflowId: string, input: RootInput | LoopInput): InProcessRun => {
    const execution = newExecution(workflowId);
    const result = runChain(execution, input, (current) => portOf({ options, clock, start }, current));
    result.catch(() => undefined);
    const run = runOf(execution, result);
    runs.set(workflowId, run);
    return run;
  };
  return {
    clock,
    start,
    get: (workflowId) => runs.get(workflowId),
    async finish(run) {
      let isOver = false;
      const over = (): void => void (isOver = true);
      run.result.then(over, over);
      await clock.runUntil(() => isOver);
      return run.result;
    },
  };
}

const newExecution = (workflowId: string): Execution => ({
  workflowId,
  count: 0,
  commands: 0,
  handlers: { updates: {}, signals: {}, queries: {} },
  details: '',
  attributes: {},
  isCancelRequested: false,
  cancelListeners: [],
});

const runOf = (execution: Execution, result: Promise<unknown>): InProcessRun => ({
  result,
  executions: () => execution.count,
  update(name, argument) {
    const handler = execution.handlers.updates[name];
    if (handler === undefined) throw new Error(`no update ${name}`);
    handler.validate(argument);
    return throughJson(handler.handle(argument));
  },
  query: (name) => throughJson(execution.handlers.queries[name]?.answer()),
  cancel() {
    execution.isCancelRequested = true;
    for (const listener of execution.cancelListeners) listener();
  },
  shown: () => execution.details,
  attributes: () => execution.attributes,
});

async function runChain(
  execution: Execution,
  first: RootInput | LoopInput,
  newPort: (execution: Execution) => Port,
): Promise<unknown> {
  let input = first;
  for (;;) {
    execution.count += 1;
    execution.commands = 0;
    execution.cancelListeners = [];
    try {
      return throughJson(await runWorkflow(newPort(execution), throughJson(input)));
    } catch (error) {
      if (!(error instanceof ContinueAsNew)) throw error;
      input = error.input;
    }
  }
}

interface Surroundings {
  options: WorldOptions;
  clock: VirtualClock;
  start: World['start'];
}

function portOf({ options, clock, start }: Surroundings, execution: Execution): Port {
  const { workflowId } = execution;
  const startedAt = clock.now();
  return {
    execution: () => ({ workflowId, runId: `run-${execution.count}`, firstRunId: 'run-1', startedAt }),
    async runStep(call, schedule, stop) {
      execution.commands += 1;
      return runActivity({ options, clock }, throughJson(call), schedule, stop);
    },
    runLocal: (name, input) => callLocal(options.local, name, input),
    async startChild<Input, Output>(child: ChildStart<Input>): Promise<ChildHandle<Output>> {
      execution.commands += 1;
      return startChild(start, child);
    },
    condition: (predicate, timer) => waitFor(clock, predicate, timer?.timeoutMs),
    onCancel(listener) {
      execution.cancelListeners.push(listener);
      if (execution.isCancelRequested) listener();
    },
    serve(handlers) {
      execution.handlers = handlers;
    },
    now: () => clock.now(),
    shouldContinueAsNew: () => execution.commands >= (options.continueAsNewAfter ?? Number.POSITIVE_INFINITY),
    continueAsNew: (input) => Promise.reject(new ContinueAsNew(input as RootInput | LoopInput)),
    show(markdown) {
      execution.details = markdown;
    },
    setAttributes(attributes) {
      Object.assign(execution.attributes, attributes);
    },
    log: () => undefined,
  };
}

async function callLocal<Name extends keyof LocalActivities>(
  local: LocalActivities,
  name: Name,
  input: Parameters<LocalActivities[Name]>[0],
): Promise<Awaited<ReturnType<LocalActivities[Name]>>> {
  // The typed table is called by its own key: argument and result fit by construction.
  const call = local[name] as (given: unknown) => Promise<unknown>;
  return throughJson(await call(throughJson(input))) as Awaited<ReturnType<LocalActivities[Name]>>;
}

async function startChild<Input, Output>(
  start: World['start'],
  child: ChildStart<Input>,
): Promise<ChildHandle<Output>> {
  await Promise.resolve();
  const run = start(child.workflowId, throughJson(child.input) as unknown as LoopInput);
  const forget = child.stop.onRequest(() => run.cancel());
  return {
    result: run.result.finally(forget) as Promise<Output>,
    async signal(name, argument) {
      await Promise.resolve();
      // Signals and updates of the same name do the same; here they share their way.
      run.update(name, argument);
    },
  };
}

async function runActivity(
  { options, clock }: Pick<Surroundings, 'options' | 'clock'>,
  call: StepCall,
  schedule: StepSchedule,
  stop: Stop,
): Promise<StepOutcome> {
  let queue = schedule.queue;
  if (options.deafQueues?.has(queue) === true) {
    if (schedule.scheduleToStartMs === null || schedule.fallbackQueue === null) {
      await waitFor(clock, () => stop.isRequested());
      throw new CancelledFailure('cancelled');
    }
    await waitFor(clock, () => stop.isRequested(), schedule.scheduleToStartMs);
    queue = schedule.fallbackQueue;
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return throughJson(await runAttempt(options, clock, call, { queue, attempt, stop }));
    } catch (error) {
      if (!isRetried(error, call, attempt) || stop.isRequested()) throw error;
      await waitFor(clock, () => stop.isRequested(), Math.max(1, call.retry.backoffMs));
    }
  }
}

async function runAttempt(
  options: WorldOptions,
  clock: VirtualClock,
  call: StepCall,
  host: Pick<StepHost, 'queue' | 'attempt' | 'stop'>,
): Promise<StepOutcome> {
  const activity = options.activities[call.uses];
  if (activity === undefined) throw ApplicationFailure.nonRetryable(`nobody serves ${call.uses}`, 'config');
  const sleep = async (ms: number): Promise<void> => {
    if (await waitFor(clock, () => host.stop.isRequested(), ms)) throw new CancelledFailure('stopped');
  };
  await Promise.resolve();
  if (host.stop.isRequested()) throw new CancelledFailure('stopped');
  return activity(call, { ...host, now: () => clock.now(), sleep });
}

function isRetried(error: unknown, { retry }: StepCall, attempt: number): boolean {
  if (!(error instanceof ApplicationFailure) || error.nonRetryable === true || attempt >= retry.attempts) return false;
  return !(finalClasses(retry.for) as string[]).includes(error.type ?? '');
}

async function waitFor(clock: VirtualClock, predicate: () => boolean, timeoutMs?: number): Promise<boolean> {
  if (predicate()) return true;
  const { met, forget } = clock.until(predicate);
  if (timeoutMs === undefined) {
    await met;
    return true;
  }
  return new Promise<boolean>((resolve) => {
    const cancelTimer = clock.after(timeoutMs, () => {
      forget();
      resolve(predicate());
    });
    void met.then(() => {
      cancelTimer();
      resolve(true);
    });
  });
}

const throughJson = <Value>(value: Value): Value =>
  value === undefined ? value : (JSON.parse(JSON.stringify(value)) as Value);

// The port in one process on a virtual clock: the interpreter with activities given as plain functions. For tests, and for
// trying a pipeline without servers. Owns the executions by workflow id; what crosses between them and the activities goes
// through JSON, as it does on Temporal.
import type {
  CommitVolatileInput,
  CommitVolatileOutput,
  FreshStepCall,
  LocalActivities,
  StepCall,
} from '../activities/calls.js';
import { failure } from './failure.js';
import { runActivity, throughJson, waitFor } from './in-process-steps.js';
import type { InProcessStep } from './in-process-steps.js';
import { queries } from './control-names.js';
import { runWorkflow } from './interpreter.js';
import type { RootInput } from './interpreter.js';
import type { LoopInput } from './loop-input.js';
import type { ChildHandle, ChildStart, Handlers, Port } from './port.js';
import type { StatusView } from './status.js';
import { createClock } from './virtual-clock.js';
import type { VirtualClock } from './virtual-clock.js';

export interface WorldOptions {
  /** By step kind. */
  activities: Record<string, InProcessStep>;
  local: LocalActivities;
  /** What a host does when a click keeps results that it holds; needed for runs with `volatile`. */
  commitVolatile?: (input: CommitVolatileInput, queue: string) => Promise<CommitVolatileOutput | undefined>;
  /** Keys of a step that is not looked up; needed for runs with `freshSteps`. */
  keyOf?: (call: FreshStepCall) => StepCall;
  /** Queues that nobody polls. */
  deafQueues?: Set<string>;
  /** Steps and children after which a history counts as long; default never. */
  continueAsNewAfter?: number;
  startAt?: number;
  /** Sees each change of what a workflow shows. It may start timers and nothing else. */
  onShow?: (status: StatusView) => void;
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

/** A fresh call with its keys; those of the fakes have them by then. */
function keyed({ keyOf }: WorldOptions, call: StepCall | FreshStepCall): StepCall {
  if (call.key !== null) return call;
  if (keyOf === undefined) throw failure('internal', 'Internal error: this world does not key fresh steps');
  return keyOf(call);
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
      const { activities, deafQueues = new Set<string>() } = options;
      return runActivity({ activities, deafQueues, clock }, throughJson(keyed(options, call)), schedule, stop);
    },
    runLocal: (name, input) => callLocal(options.local, name, input),
    async commitVolatile(input, queue) {
      execution.commands += 1;
      return (await options.commitVolatile?.(throughJson(input), queue))?.isOther ?? false;
    },
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
      options.onShow?.(execution.handlers.queries[queries.status]?.answer() as StatusView);
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

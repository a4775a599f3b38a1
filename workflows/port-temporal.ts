// The port on Temporal's workflow API. Every option that the SDK has a default for and that matters is written out:
// its documented default of cancellationType is not the real one.
import {
  ActivityCancellationType,
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  log,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import {
  SearchAttributeType,
  WorkflowExecutionAlreadyStartedError,
  defineSearchAttributeKey,
} from '@temporalio/common';
import type {
  CommitVolatile,
  CommitVolatileInput,
  FreshStepCall,
  LocalActivities,
  StepCall,
  StepOutcome,
} from '../activities/calls.js';
import { failure, finalClasses } from './failure.js';
import { leaseWaitMs } from './placement.js';
import type { ChildHandle, ChildStart, Handlers, Port, StepSchedule } from './port.js';
import type { Stop } from './stop.js';
import { isScheduleToStart, unwrap } from './temporal-failures.js';

/** A worker that is killed is missed after so long. */
const heartbeatTimeoutMs = 10_000;
/** Temporal wants one of two time-outs; a step without one may take as long as it likes. */
const unboundedMs = 10 * 365 * 24 * 3600 * 1000;
const maxSummaryLength = 190;
/** Four minutes of a store out of reach; then the step or the run fails, and running it again goes on. */
const storeRetry = { initialInterval: 1_000, backoffCoefficient: 2, maximumInterval: 30_000, maximumAttempts: 12 };
/** An ended run's loop may take a moment to be seen as ended, under the same id. */
const childRetryMs = 2_000;
const childRetries = 30;

const attributeKeys = {
  pipeline: defineSearchAttributeKey('PawlPipeline', SearchAttributeType.KEYWORD),
  gitSha: defineSearchAttributeKey('PawlGitSha', SearchAttributeType.KEYWORD),
  step: defineSearchAttributeKey('PawlStep', SearchAttributeType.KEYWORD),
  iteration: defineSearchAttributeKey('PawlIteration', SearchAttributeType.INT),
};

/** The port of the workflow that calls it. Sandboxed; call it in the workflow's outermost scope. */
export function temporalPort(): Port {
  const outermost = CancellationScope.current();
  return {
    execution: () => {
      const { workflowId, runId, firstExecutionRunId, startTime } = workflowInfo();
      return { workflowId, runId, firstRunId: firstExecutionRunId, startedAt: startTime.getTime() };
    },
    runStep,
    runLocal,
    commitVolatile,
    startChild: startLoop,
    condition: async (predicate, timer) => {
      if (timer !== undefined) return condition(predicate, timer.timeoutMs, { summary: short(timer.summary) });
      await condition(predicate);
      return true;
    },
    onCancel: (listener) => {
      outermost.cancelRequested.catch(listener);
    },
    serve,
    now: () => Date.now(),
    shouldContinueAsNew: () => workflowInfo().continueAsNewSuggested,
    continueAsNew: async (input) => {
      await condition(allHandlersFinished);
      return continueAsNew(input);
    },
    show: setCurrentDetails,
    setAttributes,
    log: (level, message, facts) => (level === 'info' ? log.info(message, facts) : log.warn(message, facts)),
  };
}

type AnyCall = StepCall | FreshStepCall;

async function runStep(call: AnyCall, schedule: StepSchedule, stop: Stop): Promise<StepOutcome> {
  try {
    return await scheduleOn(schedule.queue, call, schedule, stop);
  } catch (error) {
    if (!isScheduleToStart(error) || schedule.fallbackQueue === null) throw unwrap(error);
  }
  try {
    return await scheduleOn(schedule.fallbackQueue, call, { ...schedule, scheduleToStartMs: null }, stop);
  } catch (error) {
    throw unwrap(error);
  }
}

function scheduleOn(taskQueue: string, call: AnyCall, schedule: StepSchedule, stop: Stop): Promise<StepOutcome> {
  const { retry } = call;
  const initialInterval = Math.max(1, retry.backoffMs);
  const activities = proxyActivities<Record<string, (call: AnyCall) => Promise<StepOutcome>>>({
    taskQueue,
    activityId: call.path,
    startToCloseTimeout: schedule.timeoutMs ?? unboundedMs,
    ...(schedule.deadlineMs === null ? {} : { scheduleToCloseTimeout: schedule.deadlineMs }),
    ...(schedule.scheduleToStartMs === null ? {} : { scheduleToStartTimeout: schedule.scheduleToStartMs }),
    heartbeatTimeout: heartbeatTimeoutMs,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    // Attempts are counted by the activity, which knows whether one progressed: here they are without limit.
    retry: {
      initialInterval,
      maximumInterval: Math.max(initialInterval, retry.maxBackoffMs),
      backoffCoefficient: 2,
      nonRetryableErrorTypes: notRetried(call),
    },
    summary: summaryOf(call, schedule),
  });
  const activity = activities[call.uses];
  if (activity === undefined) throw failure('internal', `Internal error: no activity ${call.uses}`);
  const scope = new CancellationScope({ cancellable: true });
  const forget = stop.onRequest(() => scope.cancel());
  return scope.run(() => activity(call)).finally(forget);
}

/** The Temporal UI shows the kind beside it, so the summary says which step it is, and what the plan adds to the kind. */
function summaryOf({ path, uses }: AnyCall, { summary }: StepSchedule): string {
  const more = summary.startsWith(uses) ? '' : summary;
  return short(more === '' ? path : `${path}: ${more}`);
}

/** Time-outs are retried by the server, so a class that is not retried must name them too. */
function notRetried({ retry }: AnyCall): string[] {
  const classes: string[] = finalClasses(retry.for);
  if (classes.includes('worker_lost')) classes.push('TemporalTimeout:Heartbeat');
  if (classes.includes('timeout')) classes.push('TemporalTimeout:StartToClose');
  return classes;
}

async function runLocal<Name extends keyof LocalActivities>(
  name: Name,
  input: Parameters<LocalActivities[Name]>[0],
): Promise<Awaited<ReturnType<LocalActivities[Name]>>> {
  const activities = proxyLocalActivities<Record<string, (input: unknown) => Promise<unknown>>>({
    startToCloseTimeout: '30s',
    retry: {
      ...storeRetry,
      nonRetryableErrorTypes: [...finalClasses(null), 'TypeError', 'ReferenceError', 'RangeError', 'SyntaxError'],
    },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: short('path' in input ? `${name} ${input.path}` : name),
  });
  try {
    return (await activities[name]?.(input)) as Awaited<ReturnType<LocalActivities[Name]>>;
  } catch (error) {
    throw unwrap(error);
  }
}

/** How long a click waits for its host while steps of the next iteration take its slots. */
const busyHostWaitMs = 30_000;

async function commitVolatile(input: CommitVolatileInput, taskQueue: string): Promise<boolean> {
  const activities = proxyActivities<Record<'commitVolatile', CommitVolatile>>({
    taskQueue,
    activityId: `${input.path}.commit`,
    startToCloseTimeout: unboundedMs,
    scheduleToStartTimeout: input.isRead === true ? busyHostWaitMs : leaseWaitMs,
    heartbeatTimeout: heartbeatTimeoutMs,
    retry: { ...storeRetry, nonRetryableErrorTypes: finalClasses(null) },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    summary: short(`click of ${input.path}`),
  });
  try {
    return (await activities.commitVolatile(input))?.isOther ?? false;
  } catch (error) {
    if (isScheduleToStart(error))
      throw failure('volatile_lost', 'the host that held the results since the last click is gone');
    throw unwrap(error);
  }
}

async function startLoop<Input, Output>(child: ChildStart<Input>): Promise<ChildHandle<Output>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(child);
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw unwrap(error);
      if (attempt > childRetries || child.stop.isRequested()) {
        throw failure(
          'config',
          `a workflow ${child.workflowId} is running already, and not for this run: cancel it first`,
        );
      }
      await sleep(childRetryMs, { summary: `waiting for an earlier ${child.workflowId} to end` });
    }
  }
}

async function startOnce<Input, Output>(child: ChildStart<Input>): Promise<ChildHandle<Output>> {
  // The scope lives as long as the child: cancelled, it asks the child to cancel, and the result waits for that.
  const scope = new CancellationScope({ cancellable: true });
  const forget = child.stop.onRequest(() => scope.cancel());
  const handle = await scope.run(() =>
    startChild<(input: Input) => Promise<Output>>(child.workflowType, {
      workflowId: child.workflowId,
      args: [child.input],
      cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      parentClosePolicy: ParentClosePolicy.TERMINATE,
      staticSummary: short(child.summary),
    }),
  );
  return { result: resultOf(handle, forget), signal: (name, argument) => handle.signal(name, argument) };
}

async function resultOf<Output>(handle: { result(): Promise<Output> }, forget: () => void): Promise<Output> {
  try {
    return await handle.result();
  } catch (error) {
    throw unwrap(error);
  } finally {
    forget();
  }
}

function serve({ updates, signals, queries }: Handlers): void {
  for (const [name, { description, validate, handle }] of Object.entries(updates)) {
    setHandler(defineUpdate<unknown, [unknown]>(name), (argument) => handle(argument), {
      validator: validate,
      description,
    });
  }
  for (const [name, handle] of Object.entries(signals)) setHandler(defineSignal<[unknown]>(name), handle);
  for (const [name, { description, answer }] of Object.entries(queries)) {
    setHandler(defineQuery<unknown>(name), answer, { description });
  }
}

function setAttributes({ pipeline, gitSha, step, iteration }: Parameters<Port['setAttributes']>[0]): void {
  upsertSearchAttributes([
    ...(pipeline === undefined ? [] : [{ key: attributeKeys.pipeline, value: pipeline }]),
    ...(gitSha === undefined ? [] : [{ key: attributeKeys.gitSha, value: gitSha }]),
    ...(step === undefined ? [] : [{ key: attributeKeys.step, value: step }]),
    ...(iteration === undefined ? [] : [{ key: attributeKeys.iteration, value: iteration }]),
  ]);
}

const short = (text: string): string =>
  text.length <= maxSummaryLength ? text : `${text.slice(0, maxSummaryLength)}…`;

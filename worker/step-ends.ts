// How attempts of steps end, seen from outside of them: for metrics and for the log.
import type { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { ResolveInput, ResolveOutput, StepOutcome } from '../activities/calls.js';

export interface StepEnd {
  /** Workflow id of the run; of the loop inside one. */
  run: string;
  step: string;
  kind: string;
  attempt: number;
  /** done, found (the result stood when it began), cached (it did not begin), cancelled, or the class of the failure. */
  end: string;
  seconds: number;
}

/** Tells each end; changes nothing. */
export const stepEnds =
  (told: (end: StepEnd) => void): ActivityInterceptorsFactory =>
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        if (info.isLocal && info.activityType !== 'resolve') return next(input);
        const startedMs = performance.now();
        const tell = (end: string, of: { step: string; kind: string }): void =>
          told({
            run: runOf(info),
            attempt: info.attempt,
            end,
            seconds: (performance.now() - startedMs) / 1000,
            ...of,
          });
        const own = { step: info.activityId, kind: info.activityType };
        try {
          const result = await next(input);
          // The commit of a click answers nothing: it is no step.
          if (!info.isLocal && result !== undefined)
            tell((result as StepOutcome).found === true ? 'found' : 'done', own);
          else if (info.isLocal && (result as ResolveOutput).state === 'cached') {
            const { path, uses } = input.args[0] as ResolveInput;
            tell('cached', { step: path, kind: uses });
          }
          return result;
        } catch (error) {
          if (!info.isLocal) tell(endOf(error), own);
          throw error;
        }
      },
    },
  });

const runOf = (info: Context['info']): string => info.workflowExecution?.workflowId ?? '';

function endOf(error: unknown): string {
  if (error instanceof CancelledFailure) return 'cancelled';
  return error instanceof ApplicationFailure ? (error.type ?? 'internal') : 'internal';
}

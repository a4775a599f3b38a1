// What runs under a workflow id when a plan is submitted, and waiting for a run that is being cancelled.
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import type { Session } from './session.js';

export interface OpenRun {
  /** Empty when something else than `pawl run` started it. */
  planHash: string;
  /** Cancellation was asked for; it ends once what runs has kept its last checkpoint. */
  isCancelling: boolean;
}

const pollMs = 250;

/** The run that is under way under this id; null when none is. */
export async function openRunAt(session: Session, workflowId: string): Promise<OpenRun | null> {
  try {
    const { status, memo = {}, raw } = await session.client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'RUNNING') return null;
    return {
      planHash: typeof memo.planHash === 'string' ? memo.planHash : '',
      isCancelling: raw.workflowExtendedInfo?.cancelRequested === true,
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** Waits until what is cancelled under this id has ended. Fails with CliError `waitTimedOut` at the deadline. */
export async function untilCancelled(session: Session, workflowId: string, deadlineMs: number): Promise<void> {
  while ((await openRunAt(session, workflowId))?.isCancelling === true) {
    if (Date.now() > deadlineMs)
      throw new CliError(
        exitCodes.waitTimedOut,
        `${workflowId} is still being cancelled; the time to wait is over and nothing was started.\n\`pawl status ${workflowId}\` shows what it waits for; run the same command again later.`,
      );
    await sleep(pollMs);
  }
}

// Updates to a run that is under way, and how refusals are told.
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { findRun } from './find-run.js';
import { loadConfig } from './load-config.js';
import { openSession, type Session } from './session.js';

/** Calls `work` with a session and the run meant, which must be under way. */
export async function withRunning<T>(
  run: string | undefined,
  work: (session: Session, workflowId: string) => Promise<T>,
): Promise<T> {
  const session = await openSession(await loadConfig());
  try {
    const { workflowId } = await findRun(session, run, { running: true });
    return await work(session, workflowId);
  } finally {
    await session.close();
  }
}

/** Sends an update; the run refuses it with a reason, or a worker takes it within ten seconds, or CliError says so. */
export async function update<Result>(
  session: Session,
  workflowId: string,
  name: string,
  argument?: unknown,
): Promise<Result> {
  try {
    return await session.within(10_000, () =>
      session.client.workflow
        .getHandle(workflowId)
        .executeUpdate<Result, [unknown]>(name, { args: [argument ?? null] }),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new CliError(exitCodes.invalid, `${workflowId} refuses: ${error.cause?.message ?? error.message}`);
    }
    throw new CliError(
      exitCodes.internal,
      `${workflowId} did not answer within 10 s (${error instanceof Error ? error.message : String(error)}). Is a worker running? \`pawl ps\` shows it.`,
    );
  }
}

/** Who gives the order: the name of the user of this machine. */
export const nameOfUser = async (): Promise<string> => {
  try {
    return (await import('node:os')).userInfo().username;
  } catch {
    return 'unknown';
  }
};

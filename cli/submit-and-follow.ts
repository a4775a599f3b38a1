// A plan into the store and to the server, and then its run to the end: what `pawl run` and `pawl resume` have in common.
import { workflowPage } from '../local/addresses.js';
import type { TemporalConfig } from '../schemas/config.js';
import type { Source } from '../schemas/generated/records.js';
import type { ObjectStore } from '../store/store.js';
import { exitCodes } from './exit-codes.js';
import type { Output } from './output.js';
import type { LocalInput } from './pipeline-file.js';
import type { Session } from './session.js';
import type { Submission } from './submit.js';

export interface FollowedSubmission extends Omit<Submission, 'deadlineMs' | 'onWait'> {
  /** Local files that the plan names and that may not be in the store yet. */
  files: readonly LocalInput[];
  /** What the plan was compiled from; null where that is not known. */
  source: Source | null;
  detach?: true | undefined;
  /** Milliseconds. */
  timeout?: number | undefined;
  /** Looks at the server before anything is submitted; what it throws ends the command. */
  before?: (session: Session) => Promise<void>;
}

/** Exit status of the run, or how it was left. Starts the embedded servers where none are configured. */
export async function submitAndFollow(
  config: TemporalConfig,
  output: Output,
  given: FollowedSubmission,
): Promise<number> {
  if (config.temporal.address === null) {
    const { up } = await import('../local/up.js');
    await up(config, { say: (line) => output.line(line), waitForMlflow: false });
  }
  const [{ openSession }, { openStore }] = await Promise.all([import('./session.js'), import('../store/open.js')]);
  const session = await openSession(config);
  try {
    await given.before?.(session);
    return await submitted(session, await openStore(config.store), output, given);
  } finally {
    await session.close();
  }
}

async function submitted(
  session: Session,
  store: ObjectStore,
  output: Output,
  given: FollowedSubmission,
): Promise<number> {
  const { storePlan, submit } = await import('./submit.js');
  await storePlan(store, given);
  const deadlineMs = given.timeout === undefined ? Infinity : Date.now() + given.timeout;
  const onWait = (workflowId: string): void => {
    output.record({ type: 'waiting', workflowId, for: 'cancellation' });
    output.line(`${workflowId} is being cancelled: it starts again once that has ended`);
  };
  const { workflowId, isAttached, warning } = await submit(session, store, { ...given, deadlineMs, onWait });
  if (warning !== null) output.warn(warning);
  const page = workflowPage(session.config, workflowId);
  output.record({ type: 'submitted', workflowId, attached: isAttached, temporal: page });
  output.line(
    `${workflowId} ${isAttached ? 'is under way already: following it' : 'submitted'}${page === null ? '' : `  ${page}`}`,
  );
  if (given.detach === true) {
    output.line(`\`pawl status ${workflowId}\` shows how it goes.`);
    return exitCodes.ok;
  }
  const { follow } = await import('./follow.js');
  return follow(session, store, { workflowId, deadlineMs, output });
}

// Which run a person means.
import { WorkflowNotFoundError, type WorkflowExecutionInfo } from '@temporalio/client';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { otherRuns } from './find-record.js';
import type { Session } from './session.js';

export interface FoundRun {
  workflowId: string;
  isRunning: boolean;
}

/**
 * `pipeline/name` is that run, `pipeline` its latest, nothing the latest of all; with `running`, only among those that run.
 * Fails with CliError, naming the latest runs.
 */
export async function findRun(
  session: Session,
  text: string | undefined,
  options: { running: boolean },
): Promise<FoundRun> {
  if (text?.includes('/') === true) {
    const found = await describe(session, text);
    if (found === null) throw new CliError(exitCodes.invalid, `There is no run ${text}.${await hintOf(session, text)}`);
    if (options.running && !found.isRunning)
      throw new CliError(
        exitCodes.invalid,
        `${text} does not run any more: \`pawl status ${text}\` shows how it ended, \`pawl resume ${text}\` starts it again. ${await underWay(session)}`,
      );
    return found;
  }
  const latest = await latestRuns(session, text);
  const wanted = options.running ? latest.filter(({ isRunning }) => isRunning) : latest;
  if (options.running && wanted.length > 1) {
    throw new CliError(
      exitCodes.invalid,
      `${wanted.length} runs are under way; say which: ${wanted.map(({ workflowId }) => workflowId).join(', ')}`,
    );
  }
  const [first] = wanted;
  if (first !== undefined) return first;
  const what = `${options.running ? 'running ' : ''}run${text === undefined ? '' : ` of ${text}`}`;
  throw new CliError(exitCodes.invalid, `There is no ${what}.${await hintOf(session, text)}`);
}

/** The latest runs, the newest first; workflows of loops are not among them. */
export async function latestRuns(session: Session, pipeline?: string): Promise<FoundRun[]> {
  const query = pipeline === undefined ? '' : `WorkflowType = '${pipeline.replaceAll("'", '')}'`;
  const found = new Map<string, FoundRun>();
  let seen = 0;
  for await (const info of session.client.workflow.list({ query, pageSize: 100 })) {
    if (isRoot(info) && !found.has(info.workflowId)) {
      found.set(info.workflowId, { workflowId: info.workflowId, isRunning: info.status.name === 'RUNNING' });
    }
    if (found.size >= 20 || ++seen >= 500) break;
  }
  return [...found.values()];
}

/** The run of this id; null when the server knows none. */
export async function describe(session: Session, workflowId: string): Promise<FoundRun | null> {
  try {
    const { status } = await session.within(10_000, () => session.client.workflow.getHandle(workflowId).describe());
    return { workflowId, isRunning: status.name === 'RUNNING' };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** The root of a run is named <type>/<name>; a loop's workflow has a longer name and a type of its own. */
const isRoot = (info: WorkflowExecutionInfo): boolean => {
  const [pipeline, name, ...rest] = info.workflowId.split('/');
  return pipeline === info.type && name !== undefined && rest.length === 0;
};

async function hintOf(session: Session, text: string | undefined): Promise<string> {
  const ids = (await latestRuns(session)).map(({ workflowId }) => workflowId);
  if (ids.length === 0) return ' No run was ever started here: `pawl run FILE` starts one.';
  return ` ${otherRuns(text ?? '', ids)}`;
}

async function underWay(session: Session): Promise<string> {
  const ids = (await latestRuns(session)).flatMap(({ workflowId, isRunning }) => (isRunning ? [workflowId] : []));
  return ids.length === 0 ? 'No run is under way.' : `Under way: ${ids.join(', ')}.`;
}

// pawl replay: whether the workflow code of this installation can go on with runs that another version began.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  historyOf,
  quietReplay,
  replay as replayOne,
  workflowCode,
  type RecordedHistory,
  type Replayed,
} from '../../worker/replay.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { findRun, latestRuns } from '../find-run.js';
import { loadConfig } from '../load-config.js';
import { processOutput } from '../output.js';
import { openSession, type Session } from '../session.js';

/** Status `invalid` when a history does not fit. */
export async function replay(run: string | undefined, options: { history?: string; json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  quietReplay();
  const code = await workflowCode(config);
  const histories = options.history === undefined ? await historiesOf(run) : [readHistory(options.history)];
  if (histories.length === 0) output.line('No run is under way: nothing can be broken.');
  let differ = 0;
  for (const recorded of histories) {
    const replayed = await replayOne(code, recorded);
    if (replayed.difference !== null) differ += 1;
    output.record({ type: 'replay', ...replayed });
    for (const line of lines(replayed)) output.line(line);
  }
  if (differ > 0)
    output.line(
      'Runs with a difference stand still on workers of this version: keep a worker of the version that began them, or reset them (docs/operating.md, Versions and upgrades).',
    );
  return differ > 0 ? exitCodes.invalid : exitCodes.ok;
}

function lines({ workflowId, events, difference }: Replayed): string[] {
  if (difference === null) return [`${workflowId}: compatible, ${events} events`];
  const { event, type, message } = difference;
  return [`${workflowId}: differs at event ${event} of ${events}, ${type}`, `  ${message}`];
}

function readHistory(file: string): RecordedHistory {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const fact = error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read';
    throw new CliError(exitCodes.invalid, `${file}: ${fact}. ${howTo}`);
  }
  const recorded = historyOf(value, basename(file, '.json'));
  if (recorded === null) throw new CliError(exitCodes.invalid, `${file}: it holds no events. ${howTo}`);
  return recorded;
}

const howTo = 'Write one with `temporal workflow show --workflow-id ID --output json > FILE`.';

/** Of a run, or of all that are under way: the history of the root and of the loops that it has started. */
async function historiesOf(run: string | undefined): Promise<RecordedHistory[]> {
  const session = await openSession(await loadConfig());
  try {
    const roots =
      run === undefined
        ? (await latestRuns(session)).filter(({ isRunning }) => isRunning)
        : [await findRun(session, run, { running: false })];
    const found: RecordedHistory[] = [];
    const waiting = roots.map(({ workflowId }) => workflowId);
    for (let workflowId = waiting.shift(); workflowId !== undefined; workflowId = waiting.shift()) {
      const recorded = await fetchHistory(session, workflowId);
      found.push(recorded);
      waiting.push(...childrenIn(recorded));
    }
    return found;
  } finally {
    await session.close();
  }
}

const fetchHistory = async (session: Session, workflowId: string): Promise<RecordedHistory> => ({
  workflowId,
  history: await session.within(60_000, () => session.client.workflow.getHandle(workflowId).fetchHistory()),
});

function childrenIn({ history }: RecordedHistory): string[] {
  const started = (history.events ?? []).map(
    (event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution,
  );
  return [...new Set(started.flatMap((execution) => execution?.workflowId ?? []))];
}

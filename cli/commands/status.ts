// pawl status: one look at a run; from the store alone when no server is there.
import type { PulseDetails } from '../../activities/pulse.js';
import { LocalError } from '../../local/local-error.js';
import type { TemporalConfig } from '../../schemas/config.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import type { ObjectStore } from '../../store/store.js';
import type { StatusView, StepView } from '../../workflows/status.js';
import { exitCodes } from '../exit-codes.js';
import type { RunLook } from '../look.js';
import { loadConfig } from '../load-config.js';
import { duration, mainMetrics } from '../numbers.js';
import { pulseText } from '../pulse-text.js';
import { processOutput, type Output } from '../output.js';
import { summaryLines } from '../summary.js';
import { table } from '../table.js';

export async function status(run: string | undefined, options: { json?: true }): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const { openStore } = await import('../../store/open.js');
  const store = await openStore(config.store);
  const live = await lookLive(config, run);
  if (live !== null && live.root.state === 'RUNNING') {
    const { mlflowPageOf } = await import('../run-end.js');
    const { workflowPage } = await import('../../local/addresses.js');
    const links = {
      temporal: workflowPage(config, live.root.workflowId),
      mlflow: await mlflowPageOf(config, store, { workflowId: live.root.workflowId, runId: live.root.firstRunId }),
    };
    output.record({ type: 'run', ...links, root: live.root, loops: live.loops });
    for (const line of liveLines(live, links)) output.line(line);
    return exitCodes.ok;
  }
  const { findRecord } = await import('../find-record.js');
  const { record } = await findRecord(store, live === null ? run : live.root.workflowId);
  // The record of a run is written at its beginning and its end: in between it does not know how far the run is.
  if (live === null && record.state === 'running') {
    output.record({ type: 'run', workflowId: record.workflowId, state: 'stopped', startedAt: record.startedAt });
    for (const line of stoppedLines(record.workflowId)) output.line(line);
  } else await show(config, store, record, output);
  return exitCodes.ok;
}

/** A run that was under way when the embedded servers ended, for people. Pure. */
export const stoppedLines = (workflowId: string): string[] => [
  `${workflowId}: was under way when Temporal was stopped, and stands still.`,
  'What it has computed is kept: `pawl up` lets it go on, and so does the command that began it.',
];

async function show(config: TemporalConfig, store: ObjectStore, record: RunRecord, output: Output): Promise<void> {
  const { summaryOf } = await import('../run-end.js');
  const summary = await summaryOf(config, store, record);
  output.record({ type: 'run', ...summary });
  for (const line of summaryLines(summary)) output.line(line);
}

/** Null when the embedded server is not up: what has ended is in the store. */
async function lookLive(config: TemporalConfig, run: string | undefined): Promise<RunLook | null> {
  const { openSession } = await import('../session.js');
  let session: Awaited<ReturnType<typeof openSession>>;
  try {
    session = await openSession(config);
  } catch (error) {
    if (error instanceof LocalError && config.temporal.address === null) return null;
    throw error;
  }
  try {
    const { findRun } = await import('../find-run.js');
    const { lookAt } = await import('../look.js');
    const found = await findRun(session, run, { running: false });
    return await lookAt(session, found.workflowId);
  } finally {
    await session.close();
  }
}

/** A run that is under way, for people. Pure. */
export function liveLines(look: RunLook, links: { temporal: string | null; mlflow: string | null }): string[] {
  const { status: view } = look.root;
  if (view === null)
    return [`${look.root.workflowId}: under way, but no worker answers. \`pawl ps\` shows whether one runs.`];
  const loops = new Map(
    look.loops.flatMap(({ status }) => (status?.loop == null ? [] : [[status.loop.path, status] as const])),
  );
  const pulses = new Map(
    look.root.pending.flatMap(({ path, pulse }) => (pulse === null ? [] : [[path, pulse] as const])),
  );
  const rows = view.steps.map((step) => liveRow(step, loops.get(step.path) ?? null, pulses.get(step.path) ?? null));
  return [
    '',
    ...table([['step', 'state', 'time', ''], ...rows], [2]),
    '',
    ...(view.paused === null
      ? []
      : [
          `paused since ${new Date(view.paused.since).toISOString()}${view.paused.by === null ? '' : ` by ${view.paused.by}`}; \`pawl unpause\` lets it go on`,
        ]),
    ...view.approvals.map(
      ({ path, timeoutAt }) => `${path} waits for approval until ${new Date(timeoutAt).toISOString()}`,
    ),
    ...(view.warnings ?? []).map((warning) => `warning: ${warning}`),
    ...view.failures.map((one) => `${one.path} [${one.class}]: ${one.message}\n  ${one.hint}`),
    `${view.workflowId}: ${view.paused === null ? 'under way' : 'paused'} for ${duration((Date.now() - view.startedAt) / 1000)}`,
    ...(links.temporal === null ? [] : [`Temporal  ${links.temporal}`]),
    ...(links.mlflow === null ? [] : [`MLflow    ${links.mlflow}`]),
  ];
}

function liveRow(step: StepView, loop: StatusView | null, pulse: PulseDetails | null): string[] {
  const seconds = liveSeconds(step);
  const time = seconds === null ? '' : duration(seconds);
  if (pulse !== null && step.state === 'running')
    return [step.path, step.state, time, pulseText(pulse, { withCheckpoint: true })];
  const position = loop?.loop;
  const text =
    position == null
      ? mainMetrics(step.metrics)
      : `${position.clicks} of ${position.max} iterations kept  ${mainMetrics(position.metrics)}`;
  return [step.path, step.state, time, [text, step.reason ?? ''].filter((part) => part !== '').join('  ')];
}

/** So far, while it runs; null before. */
function liveSeconds(step: StepView): number | null {
  if (step.endedAt !== null) return step.seconds;
  return step.startedAt === null ? null : (Date.now() - step.startedAt) / 1000;
}

// pawl logs: what the steps of a run wrote. Reads the store only, so that any host may ask, also when the run has ended.
import { setTimeout as sleep } from 'node:timers/promises';
import { suggest } from '../../compiler/did-you-mean.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { isShard, parsePath, shardedStep } from '../../schemas/ids.js';
import type { KeptLog } from '../../store/logs.js';
import { openStore } from '../../store/open.js';
import { readRun } from '../../store/runs.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { findRecord } from '../find-record.js';
import { loadConfig } from '../load-config.js';
import { processOutput, type Output } from '../output.js';
import { createLogReader, logsOf, type LogText } from '../read-logs.js';
import { stepKeysOf } from '../step-key.js';

export interface LogsOptions {
  attempt?: number;
  follow?: true;
  json?: true;
}

const pollMs = 1_000;

export async function logs(run: string, step: string | undefined, options: LogsOptions): Promise<number> {
  const output = processOutput(options.json === true);
  const config = await loadConfig();
  const store = await openStore(config.store);
  const { record } = await findRecord(store, run);
  if (step === undefined && options.attempt !== undefined)
    throw new CliError(exitCodes.invalid, '--attempt is of one step: name it, as in `pawl logs RUN sft --attempt 1`.');
  if (step !== undefined) checkStep(record, step);
  const { workflowId, runId } = record;
  const { keyAt } = stepKeysOf(config, store, record);
  const print = printer(output, workflowId);
  const read = createLogReader(store);
  let last: KeptLog[] = [];
  for (;;) {
    const isEnded = options.follow !== true || (await readRun(store, workflowId, runId))?.state !== 'running';
    const kept = await logsOf(store, { workflowId, step, keyAt });
    last = chosen(kept, step, options, last);
    for await (const part of read(last)) print(part);
    if (isEnded) break;
    await sleep(pollMs);
  }
  if (last.length === 0) output.line(nothingOf(record, step, options.attempt));
  return exitCodes.ok;
}

/** Of a step the attempt that is asked for, else its last, and while following those that come after it. */
function chosen(kept: KeptLog[], step: string | undefined, options: LogsOptions, before: KeptLog[]): KeptLog[] {
  if (step === undefined) return kept;
  const { attempt } = options;
  const meant = attempt === undefined ? kept : kept.filter(({ number }) => number === attempt);
  const [begun] = before;
  return begun === undefined ? meant.slice(-1) : meant.filter((log) => log.attempt >= begun.attempt);
}

function checkStep({ workflowId, steps }: RunRecord, step: string): void {
  const [head] = parsePath(step) ?? [];
  const known = steps.map(({ path }) => path);
  // The record names shards when the run has ended.
  const name = head !== undefined && isShard(head.name) ? shardedStep(head.name) : head?.name;
  if (name !== undefined && known.includes(name)) return;
  const hint = suggest(step, known);
  throw new CliError(exitCodes.invalid, `${workflowId} has no step \`${step}\`${hint === null ? '' : `: ${hint}`}`);
}

/** Prints with a line above what another attempt wrote. */
function printer(output: Output, workflowId: string): (part: LogText) => void {
  let shown: string | null = null;
  return ({ log, text, gap }) => {
    const { path, number, attempt } = log;
    const of = log.workflowId === workflowId ? '' : `, which ${log.workflowId} ran`;
    if (shown !== attempt) output.line(`${shown === null ? '' : '\n'}== ${path}, attempt ${number}${of}`);
    else if (gap) output.line('… lines are left out here: the log is longer than what is kept');
    shown = attempt;
    for (const line of text.trimEnd().split('\n')) {
      output.line(line);
      output.record({ type: 'log', run: log.workflowId, path, attempt: number, line });
    }
  };
}

function nothingOf({ workflowId, steps }: RunRecord, step: string | undefined, attempt: number | undefined): string {
  if (step === undefined) return `No step of ${workflowId} has written anything.`;
  const state = steps.find(({ path }) => path === step)?.state;
  const which = attempt === undefined ? step : `attempt ${attempt} at ${step}`;
  return `Nothing is kept of ${which} of ${workflowId}${state === undefined || attempt !== undefined ? '' : ` (${state})`}: a step that writes nothing has no log.`;
}

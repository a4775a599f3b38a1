// --baseline: the metrics of an earlier run, from its record in the store.
import type { RunRecord } from '../schemas/generated/records.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { loadConfig } from './load-config.js';

/** The metrics of the run PIPELINE/NAME, its latest end; undefined without a name. Fails with CliError, naming what there is. */
export async function baselineOf(name: string | undefined): Promise<Record<string, number | null> | undefined> {
  if (name === undefined) return undefined;
  const [pipeline = '', run = ''] = name.split('/');
  if (pipeline === '' || run === '')
    throw new CliError(exitCodes.invalid, `--baseline takes PIPELINE/NAME of a run, and got \`${name}\`.`);
  const [{ openStore }, { listRuns }] = await Promise.all([import('../store/open.js'), import('../store/runs.js')]);
  const store = await openStore((await loadConfig()).store);
  return metricsOf(name, await listRuns(store, pipeline));
}

/** The metrics of the run among the records of its pipeline, the latest first. Pure; throws CliError. */
export function metricsOf(name: string, records: readonly RunRecord[]): Record<string, number | null> {
  const ofName = records.filter(({ workflowId }) => workflowId === name);
  const ended = ofName.find(({ state }) => state === 'done');
  if (ended !== undefined) return ended.metrics;
  const [latest] = ofName;
  if (latest !== undefined) {
    const fact = latest.state === 'running' ? 'has not ended' : `has ended as ${latest.state.replace('_', ' ')}`;
    throw new CliError(exitCodes.invalid, `The baseline ${name} ${fact}: a baseline is a run that has succeeded.`);
  }
  const others = [...new Set(records.filter(({ state }) => state === 'done').map(({ workflowId }) => workflowId))];
  const hint =
    others.length === 0 ? 'No run of that pipeline has succeeded.' : `There are ${others.slice(0, 5).join(', ')}.`;
  throw new CliError(exitCodes.invalid, `The store has no record of a run ${name}. ${hint}`);
}

// Which run a person means, among the records in the store: no server is asked.
import { nearest } from '../compiler/did-you-mean.js';
import type { RunRecord } from '../schemas/generated/records.js';
import { listRuns } from '../store/runs.js';
import type { ObjectStore } from '../store/store.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

export interface FoundRecord {
  record: RunRecord;
  /** Those of all runs, the one that started last first. */
  records: RunRecord[];
}

/**
 * The record of `pipeline/name`, of a pipeline's latest run, of the latest run of that name; of the latest of all without
 * `run`. Fails with CliError that names what there is.
 */
export async function findRecord(store: ObjectStore, run: string | undefined): Promise<FoundRecord> {
  const records = await listRuns(store);
  const record = meant(records, run);
  if (record !== undefined) return { record, records };
  throw new CliError(exitCodes.invalid, noSuchRun(run, records));
}

function meant(records: readonly RunRecord[], run: string | undefined): RunRecord | undefined {
  if (run === undefined) return records[0];
  return (
    records.find(({ workflowId }) => workflowId === run) ??
    records.find(({ name }) => name === run) ??
    records.find(({ workflowId }) => workflowId.endsWith(`/${run}`))
  );
}

function noSuchRun(run: string | undefined, records: readonly RunRecord[]): string {
  if (run === undefined || records.length === 0)
    return `There is no run${run === undefined ? '' : ` ${run}`} in the store: none was started with it. \`pawl run FILE\` starts one.`;
  return `There is no run ${run} in the store. ${otherRuns(
    run,
    records.map(({ workflowId }) => workflowId),
  )}`;
}

/** What may have been meant, and the latest runs. `ids` are workflow ids, the latest first. Pure. */
export function otherRuns(run: string, ids: readonly string[]): string {
  const all = [...new Set(ids)];
  const pipelines = [...new Set(all.map((id) => id.split('/')[0] ?? id))];
  const near = nearest(run, all) ?? nearest(run, pipelines);
  const latest = `The latest: ${all.slice(0, 5).join(', ')}.`;
  return near === null ? latest : `Did you mean ${near}? ${latest}`;
}

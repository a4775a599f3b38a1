// The one MLflow run of a pipeline run: found by its tags, else made.
import type { ObjectStore } from '../store/store.js';
import { emptyCursor, openCursor, swapCursor, type RunName } from './cursor.js';
import { batchLimits, type KeyValue, type MlflowClient } from './mlflow-client.js';
import { isMlflowError } from './mlflow-error.js';

export interface RunFacts {
  pipeline: string;
  planHash: string;
  startMs: number;
  gitCommit: string | null;
  /** Page in the Temporal UI; null when no UI is known. */
  temporalPage: string | null;
  params: Record<string, unknown>;
  seed: number;
}

/**
 * Makes sure that the cursor of the run names an MLflow run that exists. Safe for several workers at once: one of them
 * makes it, a run made in vain is deleted. When MLflow has lost the run, the cursor starts from nothing.
 * Facts are asked for only when the run has to be made.
 */
export async function ensureMlflowRun(
  store: ObjectStore,
  client: MlflowClient,
  experiment: string,
  run: RunName,
  facts: () => Promise<RunFacts>,
): Promise<void> {
  for (;;) {
    const { cursor, etag } = await openCursor(store, run);
    if (cursor.mlflowRunId !== null && (await exists(client, cursor.mlflowRunId))) return;
    const experimentId = await client.experiment(experiment);
    const tags = identityOf(run);
    const [found] = await client.findRuns(experimentId, tags);
    const mlflowRunId = found ?? (await make(client, experimentId, run, await facts()));
    const next = { ...emptyCursor(run), experimentId, mlflowRunId };
    if (await swapCursor(store, etag, next)) return;
    if (found === undefined) await client.deleteRun(mlflowRunId);
  }
}

/** The tags that name a pipeline run. Pure. */
export const identityOf = (run: RunName): KeyValue[] => [
  { key: 'pawl.workflow_id', value: run.workflowId },
  { key: 'pawl.run_id', value: run.runId },
];

async function exists(client: MlflowClient, mlflowRunId: string): Promise<boolean> {
  try {
    // Writing no tags tells whether the run is there.
    await client.setTags(mlflowRunId, [{ key: 'pawl.tracked', value: 'true' }]);
    return true;
  } catch (error) {
    if (isMlflowError(error, 'RESOURCE_DOES_NOT_EXIST') || isMlflowError(error, 'INVALID_PARAMETER_VALUE'))
      return false;
    throw error;
  }
}

async function make(client: MlflowClient, experimentId: string, run: RunName, facts: RunFacts): Promise<string> {
  const tags = [
    ...identityOf(run),
    { key: 'pawl.pipeline', value: facts.pipeline },
    { key: 'pawl.plan_hash', value: facts.planHash },
    ...(facts.gitCommit === null ? [] : [{ key: 'mlflow.source.git.commit', value: facts.gitCommit }]),
    ...(facts.temporalPage === null
      ? []
      : [
          { key: 'pawl.temporal_page', value: facts.temporalPage },
          { key: 'mlflow.note.content', value: `[This run in the Temporal UI](${facts.temporalPage})` },
        ]),
  ].map(({ key, value }) => ({ key, value: value.slice(0, batchLimits.tagLength) }));
  const mlflowRunId = await client.createRun({ experimentId, name: run.workflowId, startMs: facts.startMs, tags });
  const params = Object.entries({ ...facts.params, seed: facts.seed }).map(([key, value]) => ({
    key: key.slice(0, batchLimits.keyLength),
    value: (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, batchLimits.paramLength),
  }));
  await client.logParams(mlflowRunId, params);
  return mlflowRunId;
}

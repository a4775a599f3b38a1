// What is known of a run from the store: its record, where its outputs lie, its page in MLflow.
import { join } from 'node:path';
import { mlflowUrl, workflowPage } from '../local/addresses.js';
import type { TemporalConfig } from '../schemas/config.js';
import type { RunRecord } from '../schemas/generated/records.js';
import { materialise } from '../store/artifacts.js';
import { readResult } from '../store/results.js';
import type { ObjectStore } from '../store/store.js';
import { mlflowPage, readCursor } from '../tracking/cursor.js';
import type { SummaryParts } from './summary.js';

/** All that a summary shows. Makes the outputs readable on this machine. */
export async function summaryOf(config: TemporalConfig, store: ObjectStore, record: RunRecord): Promise<SummaryParts> {
  const outputs: Record<string, string> = {};
  for (const [name, value] of Object.entries(record.outputs)) {
    const path = await localPath(config, store, value);
    if (path !== null) outputs[name] = path;
  }
  return {
    record,
    temporalPage: workflowPage(config, record.workflowId),
    mlflowPage: await mlflowPageOf(config, store, record),
    outputs,
  };
}

/** Page of the run in MLflow; that of the server while the run has none; null when tracking is off. */
export async function mlflowPageOf(
  config: TemporalConfig,
  store: ObjectStore,
  run: Pick<RunRecord, 'workflowId' | 'runId'>,
): Promise<string | null> {
  const url = mlflowUrl(config);
  if (url === null) return null;
  const cursor = await readCursor(store, run);
  return (cursor === null ? null : mlflowPage(url, cursor)) ?? url;
}

async function localPath(config: TemporalConfig, store: ObjectStore, value: unknown): Promise<string | null> {
  if (!isArtifact(value)) return null;
  const result = await readResult(store, value.$artifact.key);
  const stored = result?.outputs[value.$artifact.output];
  return stored === undefined ? null : materialise(store, join(config.home, 'cache'), stored.tree);
}

const isArtifact = (value: unknown): value is { $artifact: { key: string; output: string } } =>
  typeof value === 'object' && value !== null && '$artifact' in value;

import { expect, test } from 'vitest';
import type { RunRecord } from '../../schemas/generated/records.js';
import { listRuns, readRun, writeRun } from '../../store/runs.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const runOf = (workflowId: string, runId: string, startedAt: string): RunRecord => ({
  schema: 1,
  workflowId,
  runId,
  planHash: 'sha256:0',
  name: workflowId,
  state: 'running',
  startedAt,
  endedAt: null,
  gitCommit: null,
  steps: [],
  outputs: {},
  metrics: {},
  failures: [],
  lost: {},
  mlflow: null,
});

test('the record of a run is replaced as it goes on', async () => {
  const { store } = bench();
  const record = runOf('demo/one', 'r1', '2026-01-01T00:00:00.000Z');
  expect(await readRun(store, 'demo/one', 'r1')).toBeNull();
  await writeRun(store, record);
  await writeRun(store, { ...record, state: 'done', metrics: { ndcg: null } });
  expect(await readRun(store, 'demo/one', 'r1')).toEqual({ ...record, state: 'done', metrics: { ndcg: null } });
});

test('the record of a run that has ended is not replaced by one that a worker wrote late', async () => {
  const { store } = bench();
  const record = runOf('demo/one', 'r1', '2026-01-01T00:00:00.000Z');
  const ended = { ...record, state: 'done', endedAt: '2026-01-01T00:01:00.000Z' } as const;
  await writeRun(store, ended);
  await writeRun(store, record);
  expect(await readRun(store, 'demo/one', 'r1')).toEqual(ended);
  await writeRun(store, { ...ended, metrics: { ndcg: 1 } });
  expect(await readRun(store, 'demo/one', 'r1')).toMatchObject({ metrics: { ndcg: 1 } });
});

test('runs are listed newest first, of all pipelines or of one', async () => {
  const { store } = bench();
  await writeRun(store, runOf('demo/one', 'r1', '2026-01-01T00:00:00.000Z'));
  await writeRun(store, runOf('demo-2/one', 'r2', '2026-01-03T00:00:00.000Z'));
  await writeRun(store, runOf('demo/two', 'r3', '2026-01-02T00:00:00.000Z'));
  expect((await listRuns(store)).map(({ runId }) => runId)).toEqual(['r2', 'r3', 'r1']);
  expect((await listRuns(store, 'demo')).map(({ runId }) => runId)).toEqual(['r3', 'r1']);
  expect(await listRuns(store, 'dem')).toEqual([]);
});

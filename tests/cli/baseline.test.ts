import { describe, expect, it } from 'vitest';
import { baselineOf, metricsOf } from '../../cli/baseline.js';
import type { RunRecord } from '../../schemas/generated/records.js';

const record = (workflowId: string, state: RunRecord['state'], metrics: RunRecord['metrics'] = {}): RunRecord => ({
  schema: 1,
  workflowId,
  runId: 'r',
  planHash: 'sha256:0',
  name: 'quick',
  state,
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
  gitCommit: null,
  steps: [],
  outputs: {},
  metrics,
  failures: [],
  lost: {},
  mlflow: null,
});

const records = [
  record('quick/a', 'running'),
  record('quick/a', 'done', { ndcg: 0.31, loss: null }),
  record('quick/b', 'gate_failed'),
];

describe('--baseline', () => {
  it('takes the metrics of the last time that the run has succeeded', () => {
    expect(metricsOf('quick/a', records)).toEqual({ ndcg: 0.31, loss: null });
  });

  it('says why a run is no baseline', async () => {
    expect(() => metricsOf('quick/b', records)).toThrow(
      'The baseline quick/b has ended as gate failed: a baseline is a run that has succeeded.',
    );
    expect(() => metricsOf('quick/c', records)).toThrow('The store has no record of a run quick/c. There are quick/a.');
    expect(() => metricsOf('quick/c', [])).toThrow('No run of that pipeline has succeeded.');
    await expect(baselineOf('quick')).rejects.toThrow('--baseline takes PIPELINE/NAME of a run, and got `quick`.');
    expect(await baselineOf(undefined)).toBeUndefined();
  });
});

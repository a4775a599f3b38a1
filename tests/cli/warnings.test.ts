// Warnings are seen where something is planned or run, not by `pawl validate` alone.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { summaryLines } from '../../cli/summary.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { ensureBuilt } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

const nightly = `pawl: 1
name: nightly
steps:
  a: { uses: test.sleep }
schedule: { cron: "0 2 * * *" }
`;

let rig: PawlRig;
beforeAll(async () => {
  await ensureBuilt();
  rig = await pawlRig();
  writeFileSync(join(rig.folder, 'nightly.yaml'), nightly);
}, 120_000);
afterAll(async () => rig.dispose(), 60_000);

describe('a pipeline with a warning', () => {
  it('is planned, and the warning stands beside the plan, not in it', async () => {
    const { code, stdout, stderr } = await rig.pawl(['plan', 'nightly.yaml', '--json']);
    expect([code, stderr.split('\n')[0]]).toEqual([
      0,
      'nightly.yaml:5:1: warning: a schedule does not start runs yet [not-yet]',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ steps: [{ path: 'a', state: 'RUN' }] });
  });
});

describe('the end of a run that succeeded', () => {
  const record: RunRecord = {
    schema: 1,
    workflowId: 'nightly/a',
    runId: 'r',
    planHash: 'sha256:0',
    name: 'nightly',
    state: 'done',
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: '2026-01-01T00:00:01.000Z',
    gitCommit: null,
    steps: [],
    outputs: {},
    metrics: {},
    failures: [],
    lost: {},
    mlflow: null,
    warnings: ['nobody was told'],
  };

  it('calls a warning a warning', () => {
    const lines = summaryLines({ record, outputs: {}, temporalPage: null, mlflowPage: null });
    expect(lines).toContain('Warnings');
    expect(lines).toContain('  nobody was told');
    expect(lines).not.toContain('Failures');
  });
});

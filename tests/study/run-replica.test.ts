// What a study takes from a run that has ended: the reports that its latest execution handed out.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunRecord } from '../../schemas/generated/records.js';
import { ingestFolder } from '../../store/artifacts.js';
import { openStore } from '../../store/open.js';
import { commitResult } from '../../store/results.js';
import { writeRun } from '../../store/runs.js';
import type { ObjectStore } from '../../store/store.js';
import { measuredBy } from '../../study/run-replica.js';
import { resultOf } from '../store/fixtures.js';

let root: string;
let store: ObjectStore;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pawl-replica-'));
  store = await openStore(join(root, 'store'));
  const folder = join(root, 'report');
  await mkdir(folder);
  const modes = { plain: { ndcg_at_10: 0.5 } };
  const report = { schema: 1, split: 'test', queries: 1, excluded: 0, corpus: 2, duplicates: 0, modes };
  await writeFile(join(folder, 'report.json'), JSON.stringify(report));
  const other = join(root, 'other');
  await mkdir(other);
  await writeFile(join(other, 'a.txt'), 'no report');
  await commitResult(store, resultOf('made', { report: await ingestFolder(store, folder, 'report') }));
  await commitResult(store, resultOf('other', { folder: await ingestFolder(store, other, 'folder') }));
});
afterAll(() => rm(root, { recursive: true }));

const record = (runId: string, minute: number, given: Partial<RunRecord>): RunRecord => ({
  ...{ schema: 1, workflowId: 'study/one', runId, planHash: 'sha256:0', name: 'study', state: 'done' },
  ...{ startedAt: `2026-01-01T00:0${minute}:00.000Z`, endedAt: null, gitCommit: null, metrics: {}, failures: [] },
  ...{ lost: {}, steps: [], outputs: {}, mlflow: null, ...given },
});

it('is of the latest execution that is done, reports only, with its metrics', async () => {
  const study = { store, cacheDir: join(root, 'cache') };
  await writeRun(store, record('r1', 1, { state: 'failed' }));
  await expect(measuredBy(study, 'study/one')).rejects.toThrow('no record of study/one that is done');
  await writeRun(store, record('r2', 2, { metrics: { tokens: 1 } }));
  const refs = ['made/report/report', 'other/folder/folder'].map((text) => {
    const [key = '', output = '', type = ''] = text.split('/');
    return { $artifact: { key, output, type } };
  });
  await writeRun(store, record('r3', 3, { outputs: { rl: refs[0], model: refs[1] }, metrics: { tokens: 7 } }));
  const { arms, metrics } = await measuredBy(study, 'study/one');
  expect(metrics).toEqual({ tokens: 7 });
  expect([...arms.keys()]).toEqual(['rl']);
  expect(arms.get('rl')?.report.modes).toEqual({ plain: { ndcg_at_10: 0.5 } });
});

// `pawl logs --follow`: what a step writes while it runs, each line once, until the run has ended. The store only: no server.
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../schemas/generated/records.js';
import { planHash } from '../../schemas/identity.js';
import { writeLogPart } from '../../store/logs.js';
import { openStore } from '../../store/open.js';
import { putPlan } from '../../store/plans.js';
import { writeRun } from '../../store/runs.js';
import type { ObjectStore } from '../../store/store.js';
import { ensureBuilt } from '../local/built.js';
import { planOf, step } from '../workflows/rig.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

describe('following the logs of a run', () => {
  let rig: PawlRig;
  let store: ObjectStore;
  const plan = planOf({ look: step() });
  const log = (attempt: string, number: number) => ({ workflowId: 'pipe/one', path: 'look', attempt, number });

  const record = (state: RunRecord['state']): RunRecord => ({
    ...{ schema: 1, workflowId: 'pipe/one', runId: 'r', planHash: planHash(plan), name: 'pipe', state },
    ...{ startedAt: '2026-01-01T00:00:00.000Z', endedAt: null, gitCommit: null, metrics: {}, failures: [], lost: {} },
    ...{ outputs: {}, mlflow: null },
    steps: [
      {
        ...{ path: 'look', kind: 'command', key: null, state: 'running', reason: null, startedAt: null, endedAt: null },
        ...{ seconds: 1, attempts: 1, resumedFrom: null, metrics: {}, failure: null, clicks: null },
      },
    ],
  });

  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    store = await openStore(join(rig.folder, 'home', 'store'));
    await putPlan(store, plan);
  }, 120_000);
  afterAll(() => rig.dispose(), 30_000);

  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await sleep(50);
  };

  it('shows lines as they come, those of the next attempt under its own head, and ends with the run', async () => {
    await writeRun(store, record('running'));
    await writeLogPart(store, log('a', 1), 0, 'one\n');
    const following = rig.begin(['logs', 'pipe/one', '--follow']);
    await until(() => following.stdout().includes('one\n'));
    await writeLogPart(store, log('a', 1), 0, 'one\ntwo\n');
    await until(() => following.stdout().includes('two\n'));
    await writeLogPart(store, log('b', 2), 0, 'three\n');
    await until(() => following.stdout().includes('three\n'));
    await writeLogPart(store, log('b', 2), 0, 'three\nfour\n');
    await writeRun(store, record('done'));
    const { code, stdout } = await following.outcome;
    const shard = await rig.pawl(['logs', 'pipe/one', 'look[1/2]']);
    expect([shard.code, (await rig.pawl(['logs', 'pipe/one', 'luck[1/2]'])).code]).toEqual([0, 2]);
    expect([code, stdout]).toEqual([0, '== look, attempt 1\none\ntwo\n\n== look, attempt 2\nthree\nfour\n']);
  }, 60_000);
});

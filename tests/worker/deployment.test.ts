// Two versions of the workers beside each other: a run stays with the one that began it, a new run goes to the current one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import { deploymentOptions } from '../../worker/deployment.js';
import config from '../../temporal.config.js';
import { gate } from '../workflows/rig.js';
import { openRig, planOf, stepOf, until, type Rig, type WorkerProcess } from './rig.js';

let rig: Rig;
const workers: WorkerProcess[] = [];
beforeAll(async () => {
  rig = await openRig();
}, 180_000);
afterAll(async () => {
  await rig.close();
}, 60_000);

const log = (): string => workers.map((worker) => worker.log()).join('\n');

/** Starts the workers of a version and makes it the one that new runs go to. */
async function deploy(buildId: string): Promise<void> {
  workers.push(await rig.startWorker({ PAWL_DEPLOYMENT: 'pawl', PAWL_BUILD_ID: buildId }));
  const makeCurrent = (): Promise<boolean> =>
    rig.client.workflowService
      .setWorkerDeploymentCurrentVersion({ namespace: 'default', deploymentName: 'pawl', buildId, identity: 'test' })
      .then(
        () => true,
        () => false, // its first poll is on its way
      );
  await until(makeCurrent, 60_000, log);
}

const asking = (value: number): Plan => {
  const plan = planOf('versions', { nap: stepOf('test.sleep', { steps: 1, step_ms: 1, value }) });
  plan.steps['ok'] = gate([], { deps: ['nap'], approve: { timeoutMs: 3_600_000, onTimeout: 'reject' } });
  plan.steps['after'] = stepOf('test.sleep', { steps: 1, step_ms: 1, value: value + 0.5 }, { deps: ['ok'] });
  return plan;
};

async function begin(value: number) {
  const handle = await rig.start(asking(value), String(value));
  const waits = async (): Promise<boolean> =>
    (await handle.query<{ approvals: unknown[] }>('status').catch(() => ({ approvals: [] }))).approvals.length === 1;
  await until(waits, 60_000, log);
  return handle;
}

type Handle = Awaited<ReturnType<typeof begin>>;

const versionOf = async (handle: Handle): Promise<string | null | undefined> =>
  (await handle.describe()).raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId;

async function approve(handle: Handle): Promise<void> {
  await handle.executeUpdate('approve', { args: [{ by: 'ann', note: '' }] });
  await handle.result();
}

describe('a deployment', () => {
  it('keeps a run with the version that began it; the next run goes to the current one', async () => {
    await deploy('one');
    const first = await begin(1);
    await deploy('two');
    const second = await begin(2);
    expect([await versionOf(first), await versionOf(second)]).toEqual(['one', 'two']);
    await approve(first);
    await approve(second);
    expect([await versionOf(first), await versionOf(second)]).toEqual(['one', 'two']);
  }, 180_000);

  it('is none unless the configuration names one', () => {
    expect(deploymentOptions(config)).toEqual({});
  });
});

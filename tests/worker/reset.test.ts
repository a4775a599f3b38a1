// `temporal workflow reset`: a run, or a loop of it, taken back to an earlier point ends with the same digests, and nothing that
// is committed is computed twice.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import type { Result } from '../../schemas/generated/records.js';
import { planHash } from '../../schemas/identity.js';
import { listAll } from '../../store/list-all.js';
import { putPlan } from '../../store/plans.js';
import { parseRecord } from '../../store/record-json.js';
import { expr, loop, gate } from '../workflows/rig.js';
import { openRig, planOf, stepOf, until, type Rig, type WorkerProcess } from './rig.js';

let rig: Rig;
let worker: WorkerProcess;
beforeAll(async () => {
  rig = await openRig();
  worker = await rig.startWorker();
}, 180_000);
afterAll(async () => {
  await rig.close();
}, 60_000);

const folder = (step: string) => expr(`steps.${step}.outputs.folder`);

/** A step, a loop of four iterations, a step behind it, and a gate that waits for a person. */
function plan(name: string, value: number): Plan {
  const at = { artifact: 'folder' as const, type: 'folder', init: folder('nap'), next: folder('work') };
  const sleeping = (inputs: Parameters<typeof stepOf>[1], deps: string[]) =>
    stepOf('test.sleep', { steps: 1, step_ms: 1, ...inputs }, { deps });
  const base = planOf(name, { nap: sleeping({ value }, []) });
  return {
    ...base,
    steps: {
      ...base.steps,
      rl: loop({
        max: 4,
        deps: ['nap'],
        carry: { at },
        steps: { work: sleeping({ value: expr(`iter.index + ${value}`), previous: expr('carry.at') }, []) },
      }),
      after: sleeping({ value: value + 0.5, previous: expr('steps.rl.outputs.at') }, ['rl']),
      ok: gate([], { deps: ['after'], approve: { timeoutMs: 3_600_000, onTimeout: 'reject' } }),
    },
  };
}

/** Every result of the store: its key, its digests and the attempt that made it. */
async function results(): Promise<Record<string, { trees: string[]; attempt: string; path: string }>> {
  const found: Record<string, { trees: string[]; attempt: string; path: string }> = {};
  for (const { name } of await listAll(rig.store, 'results/')) {
    const body = await rig.store.get(name);
    if (body === null) continue;
    const result: Result = parseRecord('result', body, name);
    const trees = Object.values(result.outputs).map(({ tree }) => tree);
    found[result.key] = { trees, attempt: result.attempt, path: result.path };
  }
  return found;
}

async function begin(of: Plan, name: string) {
  await putPlan(rig.store, of);
  const handle = await rig.start(of, name, { byReference: true });
  const waits = async (): Promise<boolean> => {
    const status = await handle.query<{ approvals: unknown[] }>('status').catch(() => ({ approvals: [] }));
    return status.approvals.length === 1;
  };
  await until(waits, 60_000, () => worker.log());
  return { handle, waits };
}

/** Takes a workflow back to just after its `task`-th completed workflow task. */
async function reset(workflowId: string, task: number): Promise<string> {
  const { events } = await rig.client.workflow.getHandle(workflowId).fetchHistory();
  const completed = (events ?? []).filter((event) => event.workflowTaskCompletedEventAttributes != null);
  const at = completed[task - 1];
  if (at?.eventId == null) throw new Error(`${workflowId} has ${completed.length} workflow tasks`);
  const { runId } = await rig.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId, runId: (await rig.client.workflow.getHandle(workflowId).describe()).runId },
    reason: 'a test',
    workflowTaskFinishEventId: at.eventId,
    requestId: `${workflowId} ${task}`,
  });
  return runId;
}

describe('a reset', () => {
  it('of the root goes on with what is committed, also behind the loop that it has started', async () => {
    const of = plan('resets', 1);
    const { waits } = await begin(of, 'root');
    const before = await results();
    for (const task of [1, 2]) {
      await reset('resets/root', task);
      await until(waits, 90_000, () => worker.log());
      expect(await results()).toEqual(before);
    }
    const handle = rig.client.workflow.getHandle('resets/root');
    await handle.executeUpdate('approve', { args: [{ by: 'ann', note: '' }] });
    await handle.result();
    expect(Object.keys(before)).toHaveLength(6);
    expect(await results()).toEqual(before);
    expect(planHash(of)).toMatch(/^sha256:/);
  }, 180_000);

  it('of a loop that has ended goes on at its clicks', async () => {
    const { handle } = await begin(plan('resets', 100), 'loop');
    const before = await results();
    await reset('resets/loop/rl', 2);
    expect(await rig.client.workflow.getHandle('resets/loop/rl').result()).toMatchObject({ iterations: 4 });
    expect(await results()).toEqual(before);
    await handle.executeUpdate('reject', { args: [{ by: 'ann', note: 'no' }] });
    await handle.result().catch(() => undefined);
  }, 120_000);
});

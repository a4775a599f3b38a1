import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kindImplementations } from '../../activities/kinds/index.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { trainerActivities, workflowQueueActivities } from '../../worker/activities.js';
import { openBench, type Bench } from '../activities/bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

describe('the activities of a worker', () => {
  it('are all declared step kinds, each on the queue that its declaration says', () => {
    const onWorkflowQueue = Object.keys(workflowQueueActivities(bench.host, kindImplementations));
    const onTrainer = Object.keys(trainerActivities(bench.host, kindImplementations, bench.slot()));
    for (const [kind, { runs }] of Object.entries(stepKinds)) {
      expect(runs === 'trainer' ? onTrainer : onWorkflowQueue).toContain(kind);
      expect(runs === 'trainer' ? onWorkflowQueue : onTrainer).not.toContain(kind);
    }
    for (const local of ['loadPlan', 'resolve', 'openLoop', 'loadClick', 'commitClick', 'recordRun', 'notify'])
      expect(onWorkflowQueue).toContain(local);
  });

  it('have commands on every queue: their resources say where they go', () => {
    expect(Object.keys(workflowQueueActivities(bench.host, kindImplementations))).toContain('command');
    expect(Object.keys(trainerActivities(bench.host, kindImplementations, bench.slot()))).toContain('command');
  });

  it('can be loaded, every one', async () => {
    for (const load of Object.values(kindImplementations)) expect(typeof (await load())).toBe('function');
  });
});

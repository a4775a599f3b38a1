// Planning predicts what the interpreter does: the real interpreter, local activities, step kind and store, on a virtual clock.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localActivities } from '../../activities/local-activities.js';
import { compile } from '../../compiler/compile.js';
import { planRun } from '../../planning/plan-run.js';
import type { PlannedStep } from '../../planning/planned-step.js';
import type { Plan } from '../../schemas/generated/plan.js';
import { planHash } from '../../schemas/identity.js';
import { putPlan } from '../../store/plans.js';
import { listRuns } from '../../store/runs.js';
import { createWorld } from '../../workflows/port-in-process.js';
import { attempt, openBench } from '../activities/bench.js';
import type { Bench } from '../activities/bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

function planOf(set: Record<string, unknown>): Plan {
  const path = join(import.meta.dirname, '../../pipelines/durable-sleep.yaml');
  const text = readFileSync(path, 'utf8');
  const { plan } = compile({ path, text, set: { step_ms: 0, steps: 2, ...set }, files: () => null });
  if (plan === null) throw new Error('the example does not compile');
  return plan;
}

async function look(set: Record<string, unknown>): Promise<Record<string, PlannedStep>> {
  const steps = await planRun({
    plan: planOf(set),
    store: bench.host.store,
    environment: {},
    workflowId: null,
    now: Date.now(),
  });
  return Object.fromEntries(steps.map((step) => [step.path, step]));
}

async function run(set: Record<string, unknown>): Promise<void> {
  const plan = planOf(set);
  await putPlan(bench.host.store, plan);
  const world = createWorld({
    activities: { 'test.sleep': (call) => attempt(bench, call).outcome },
    local: localActivities(bench.host),
  });
  const input = {
    plan,
    planHash: planHash(plan),
    placement: { workflowQueue: 'pawl', trainers: [] },
    storeId: bench.host.store.id,
    features: { searchAttributes: false },
    gitCommit: null,
    mlflow: null,
  };
  const started = world.start(`durable-sleep/${planHash(plan).slice(7, 17)}`, input);
  let isOver = false;
  const over = (): void => void (isOver = true);
  started.result.then(over, over);
  // Files are written in real time, so the clock stands still and conditions are looked at now and then.
  while (!isOver) {
    await world.clock.runUntil(() => true);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await started.result;
}

const statesOf = (steps: Record<string, PlannedStep>): Record<string, string> =>
  Object.fromEntries(Object.entries(steps).map(([path, { state }]) => [path, state]));

it('finds everything committed after a run, under the keys it had predicted', async () => {
  const before = await look({ iterations: 3 });
  await run({ iterations: 3 });
  const after = await look({ iterations: 3 });
  expect(statesOf(after)).toEqual({ first: 'CACHED', beside: 'CACHED', turn: 'CACHED', last: 'CACHED', gate: 'RUN' });
  for (const path of ['first', 'beside', 'turn']) expect(after[path]?.key).toBe(before[path]?.key);
  const [record] = await listRuns(bench.host.store, 'durable-sleep');
  const ran = Object.fromEntries((record?.steps ?? []).map(({ path, key }) => [path, key]));
  for (const path of ['first', 'beside', 'last']) expect(ran[path]).toBe(after[path]?.key);
});

it('goes on at the last click when the loop gets longer, and says so', async () => {
  await run({ iterations: 2 });
  const longer = await look({ iterations: 4 });
  expect(longer.turn).toMatchObject({ state: 'RESUME', click: 1, reason: 'goes on at iteration 2 of 4' });
  await run({ iterations: 4 });
  expect((await look({ iterations: 4 })).turn).toMatchObject({ state: 'CACHED', key: longer.turn?.key });
});

it('says what changed after an edit', async () => {
  await run({ iterations: 1 });
  const edited = await look({ iterations: 1, value: 2 });
  expect(edited.first).toMatchObject({ state: 'RUN', reason: 'value: 1.5 -> 2' });
  expect(edited.beside?.state).toBe('CACHED');
  expect(edited.turn?.state).toBe('RUN');
});

// The example pipelines/matrix.yaml, planned and run: the real interpreter, local activities, step kind and store.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localActivities } from '../../activities/local-activities.js';
import { compile } from '../../compiler/compile.js';
import { planRun } from '../../planning/plan-run.js';
import type { PlannedStep } from '../../planning/planned-step.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { RunRecord } from '../../schemas/generated/records.js';
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

const example = readFileSync(join(import.meta.dirname, '../../pipelines/matrix.yaml'), 'utf8');

function planOf(set: Record<string, unknown>, text = example): Plan {
  const { plan, diagnostics } = compile({ path: 'matrix.yaml', text, set: { step_ms: 0, ...set }, files: () => null });
  if (plan === null) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

async function look(plan: Plan): Promise<Record<string, PlannedStep>> {
  const steps = await planRun({ plan, store: bench.host.store, environment: {}, workflowId: null, now: Date.now() });
  return Object.fromEntries(steps.map((step) => [step.path, step]));
}

async function run(plan: Plan): Promise<RunRecord> {
  await putPlan(bench.host.store, plan);
  const world = createWorld({
    activities: { 'test.sleep': (call) => attempt(bench, call).outcome },
    local: localActivities(bench.host),
  });
  const workflowId = `matrix/${planHash(plan).slice(7, 17)}`;
  const started = world.start(workflowId, {
    plan,
    planHash: planHash(plan),
    placement: { workflowQueue: 'pawl', trainers: [] },
    storeId: bench.host.store.id,
    features: { searchAttributes: false },
    gitCommit: null,
    mlflow: null,
  });
  let isOver = false;
  const over = (): void => void (isOver = true);
  started.result.then(over, over);
  // Files are written in real time, so the clock stands still and conditions are looked at now and then.
  while (!isOver) {
    await world.clock.runUntil(() => true);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await started.result;
  const record = (await listRuns(bench.host.store, 'matrix')).find((one) => one.workflowId === workflowId);
  if (record === undefined) throw new Error('the run left no record');
  return record;
}

const statesOf = (steps: Record<string, { state: string }>): Record<string, string> =>
  Object.fromEntries(Object.entries(steps).map(([path, { state }]) => [path, state]));

it('plans each cell, and what reads the best only when the cells have run', async () => {
  const plan = planOf({ values: [1, 4] });
  const before = await look(plan);
  expect(statesOf(before)).toEqual({
    data: 'RUN',
    'try[steps=2,value=1]': 'RUN',
    'try[steps=2,value=4]': 'RUN',
    'try[steps=3,value=1]': 'RUN',
    'try[steps=3,value=4]': 'SKIPPED',
    try: 'PENDING',
    last: 'PENDING',
    gate: 'PENDING',
  });
  expect(before['try']?.reason).toBe('3 of 3 cells have to run first');
  expect(before['last']?.reason).toBe('decided when `try` is done: it reads `steps.try.best.metrics.value`');

  const record = await run(plan);
  expect(record.metrics).toEqual({ value: 4 });
  const ran = Object.fromEntries(record.steps.map((step) => [step.path, step]));
  expect(statesOf(ran)).toMatchObject({ try: 'done', last: 'done', 'try[steps=3,value=4]': 'skipped', gate: 'done' });
  expect(ran['try']?.reason).toBe('3 of 4 cells ran; the best is try[steps=2,value=4]');

  const after = await look(plan);
  expect(after['try']).toMatchObject({ state: 'CACHED', reason: '3 cells; the best is try[steps=2,value=4]' });
  expect(after['last']?.state).toBe('CACHED');
  expect(after['gate']?.reason).toBe('its assertions hold');
  for (const path of ['try[steps=2,value=1]', 'try[steps=2,value=4]', 'last'])
    expect(ran[path]?.key).toBe(after[path]?.key);
});

it('another list of values runs what is new in it', async () => {
  await run(planOf({ values: [1, 4] }));
  const wider = planOf({ values: [4, 1, 7] });
  const planned = await look(wider);
  expect(planned['try']).toMatchObject({ state: 'PENDING', reason: '1 of 4 cells have to run first' });
  expect(planned['try[steps=2,value=7]']).toMatchObject({
    state: 'RUN',
    reason: 'value: 1 -> 7 (compared with `try[steps=2,value=1]`)',
  });
  const record = await run(wider);
  const ran = record.steps.filter(({ state, kind }) => state === 'done' && kind === 'test.sleep');
  expect(ran.map(({ path }) => path).sort()).toEqual(['last', 'try[steps=2,value=7]']);
  expect(record.metrics).toEqual({ value: 7 });
});

it('a cell has the key of the same step written out by hand', async () => {
  const text = example.replace(
    '  last: ',
    '  by_hand:\n    uses: test.sleep\n    with: { steps: 2, step_ms: 0, value: 4, previous: "${{ steps.data.outputs.folder }}" }\n  last: ',
  );
  const planned = await look(planOf({ values: [1, 4] }, text));
  expect(planned['by_hand']?.key).toMatch(/^[0-9a-f]{64}$/);
  expect(planned['by_hand']?.key).toBe(planned['try[steps=2,value=4]']?.key);
  expect(planned['by_hand']?.key).not.toBe(planned['try[steps=2,value=1]']?.key);
});

it('skips what reads a step whose cells are all skipped', async () => {
  const text = example
    .replace('matrix.steps == 2 || matrix.value < 4', 'matrix.value > 99')
    .replace(/^outputs:.*$/m, '');
  const planned = await look(planOf({}, text));
  expect(planned['try']).toMatchObject({ state: 'SKIPPED', reason: 'every cell is skipped' });
  expect(planned['last']).toMatchObject({ state: 'SKIPPED', reason: '`try` is skipped: every cell is skipped' });
});

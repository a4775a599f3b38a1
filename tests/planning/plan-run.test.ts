import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import { planRun } from '../../planning/plan-run.js';
import type { PlannedStep } from '../../planning/planned-step.js';
import { deriveStep } from '../../schemas/derivation.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import { ingestFolder } from '../../store/artifacts.js';
import { saveCheckpoint } from '../../store/checkpoints.js';
import { commitClick } from '../../store/clicks.js';
import { openFolderStore } from '../../store/folder-store.js';
import { commitResult } from '../../store/results.js';
import { writeRun } from '../../store/runs.js';
import type { ObjectStore } from '../../store/store.js';

const text = `
pawl: 1
name: sleeps
params:
  value: { type: number, default: 1 }
  iterations: { type: integer, default: 4 }
  deep: { type: boolean, default: true }
steps:
  first: { uses: test.sleep, with: { steps: 3, value: "\${{ params.value }}" } }
  second: { uses: test.sleep, if: "\${{ params.deep }}", with: { steps: 5, previous: "\${{ steps.first.outputs.folder }}" } }
  turn:
    loop:
      max: \${{ params.iterations }}
      until: \${{ steps.work.metrics.value > 8.0 }}
      carry: { last: { type: folder, init: "\${{ steps.second.outputs.folder }}", next: "\${{ steps.work.outputs.folder }}" } }
      steps: { work: { uses: test.sleep, with: { previous: "\${{ carry.last }}", value: "\${{ iter.index }}" } } }
  last: { uses: test.sleep, with: { previous: "\${{ steps.turn.outputs.last }}" } }
  measured: { uses: test.sleep, with: { value: "\${{ steps.first.metrics.value * 2.0 }}" } }
  gate: { gate: { assert: [ "\${{ steps.first.metrics.value >= 1.0 }}" ] } }
`;

let dir: string;
let store: ObjectStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-planning-'));
  store = await openFolderStore(join(dir, 'store'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function planOf(set: Record<string, unknown> = {}): Plan {
  const { plan, diagnostics } = compile({ path: 'sleeps.yaml', text, set, files: () => null });
  if (plan === null) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

async function look(set: Record<string, unknown> = {}): Promise<Record<string, PlannedStep>> {
  const steps = await planRun({ plan: planOf(set), store, environment: {}, workflowId: null, now: Date.now() });
  return Object.fromEntries(steps.map((step) => [step.path, step]));
}

const states = (steps: Record<string, PlannedStep>): Record<string, string> =>
  Object.fromEntries(Object.entries(steps).map(([path, { state }]) => [path, state]));

async function artifact(content: string): Promise<{ type: 'folder'; tree: string; bytes: number; files: number }> {
  const folder = await mkdtemp(join(dir, 'artifact-'));
  await writeFile(join(folder, 'counter.json'), content);
  return { ...(await ingestFolder(store, folder, 'folder')), type: 'folder' };
}

/** Commits a result of test.sleep with those inputs, and a run record that names it. */
async function commit(path: string, inputs: Record<string, unknown>, value: number): Promise<string> {
  const kind = planOf().kinds['test.sleep'];
  if (kind === undefined) throw new Error('test.sleep is not in the plan');
  const { derivation, key } = deriveStep({
    kindName: 'test.sleep',
    kind,
    inputs,
    runSeed: 0,
    indices: [],
    environment: {},
  });
  const at = '2026-01-01T00:00:00.000Z';
  await commitResult(store, {
    schema: 1,
    key,
    derivation,
    outputs: { folder: await artifact(path) },
    metrics: { value, steps: 3 },
    run: 'sleeps/one',
    path,
    attempt: '1',
    startedAt: at,
    endedAt: at,
    seconds: 1,
    resumedFrom: null,
    provenance: {},
    journal: null,
  });
  await writeRun(store, runRecord(path, key, at));
  return key;
}

const runRecord = (path: string, key: string, at: string): RunRecord => ({
  schema: 1,
  workflowId: `sleeps/${path}`,
  runId: 'r',
  planHash: 'sha256:0',
  name: 'sleeps',
  state: 'done',
  startedAt: at,
  endedAt: at,
  gitCommit: null,
  steps: [
    {
      path,
      kind: 'test.sleep',
      key,
      state: 'done',
      reason: null,
      startedAt: at,
      endedAt: at,
      seconds: 1,
      attempts: 1,
      resumedFrom: null,
      metrics: {},
      failure: null,
      clicks: null,
    },
  ],
  outputs: {},
  metrics: {},
  failures: [],
  lost: {},
  mlflow: null,
});

const ref = (key: string): unknown => ({ $artifact: { key, output: 'folder', type: 'folder' } });
const click = (loopKey: string, index: number, key: string, value = index): Parameters<typeof commitClick>[1] => ({
  schema: 1,
  loopKey,
  index,
  carry: { last: ref(key) },
  metrics: { work: { value, steps: 3 } },
  keys: { work: key },
  createdAt: '2026-01-01T00:00:00.000Z',
  seconds: 1,
});

describe('what a run would do', () => {
  it('runs all in an empty store, and knows every key that depends on no metric', async () => {
    const steps = await look();
    expect(states(steps)).toEqual({
      first: 'RUN',
      second: 'RUN',
      turn: 'RUN',
      last: 'PENDING',
      measured: 'PENDING',
      gate: 'PENDING',
    });
    expect(steps.second?.key).toMatch(/^[0-9a-f]{64}$/);
    expect(steps.turn?.key).toMatch(/^[0-9a-f]{64}$/);
    expect(steps.first?.reason).toBe('no result yet');
    expect(steps.last?.reason).toBe('decided when `turn` is done: it reads `steps.turn.outputs.last`');
  });

  it('finds committed results, and what their metrics decide', async () => {
    await commit('first', { steps: 3, step_ms: 100, value: 1 }, 1);
    const steps = await look();
    expect(steps.first).toMatchObject({
      state: 'CACHED',
      reason: 'committed by sleeps/one at 2026-01-01T00:00:00.000Z',
    });
    expect(steps.measured).toMatchObject({ state: 'RUN', reason: expect.stringContaining('value: 1 -> 2') as string });
    expect(steps.gate?.reason).toBe('its assertions hold');
  });

  it('says what changed since the nearest earlier result', async () => {
    const first = await commit('first', { steps: 3, step_ms: 100, value: 1 }, 1);
    await commit('second', { steps: 5, step_ms: 100, value: 0, previous: ref(first) }, 0);
    const steps = await look({ value: 2 });
    expect(steps.first).toMatchObject({ state: 'RUN', reason: 'value: 1 -> 2' });
    expect(steps.second).toMatchObject({ state: 'RUN', reason: 'previous: another folder of `first`' });
  });

  it('resumes from a checkpoint of the same checkpoint key', async () => {
    const folder = join(dir, 'checkpoint');
    await mkdir(folder);
    await writeFile(join(folder, 'state.json'), '{}');
    const kind = planOf().kinds['test.sleep'];
    if (kind === undefined) throw new Error('test.sleep is not in the plan');
    const inputs = { steps: 99, step_ms: 100, value: 1 };
    const { checkpointKey } = deriveStep({
      kindName: 'test.sleep',
      kind,
      inputs,
      runSeed: 0,
      indices: [],
      environment: {},
    });
    await saveCheckpoint(store, {
      checkpointKey,
      attempt: 'a',
      step: 2,
      folder,
      journalOffset: 0,
      provenance: {},
      createdAt: '2026-01-01T00:00:00.000Z',
    });
    expect((await look()).first).toMatchObject({ state: 'RESUME', checkpointStep: 2, reason: 'checkpoint of step 2' });
  });

  it('goes on after the newest click of a loop, also when max is raised', async () => {
    const key = await commit('work', { steps: 1, step_ms: 1, value: 9 }, 9);
    const loopKey = (await look()).turn?.key ?? '';
    for (const index of [0, 1]) await commitClick(store, click(loopKey, index, key));
    expect((await look()).turn).toMatchObject({ state: 'RESUME', click: 1, reason: 'goes on at iteration 2 of 4' });
    for (const index of [2, 3]) await commitClick(store, click(loopKey, index, key));
    const whole = await look();
    expect(whole.turn).toMatchObject({ state: 'CACHED', click: 3, reason: '4 iterations are committed' });
    expect(whole.last?.state).toBe('RUN');
    const raised = await look({ iterations: 6 });
    expect(raised.turn).toMatchObject({
      state: 'RESUME',
      click: 3,
      key: loopKey,
      reason: 'goes on at iteration 4 of 6',
    });
  });

  it('takes a loop as complete where `until` held', async () => {
    const key = await commit('work', { steps: 1, step_ms: 1, value: 9 }, 9);
    const loopKey = (await look()).turn?.key ?? '';
    await commitClick(store, click(loopKey, 0, key, 0));
    await commitClick(store, click(loopKey, 1, key, 9));
    expect((await look()).turn).toMatchObject({ state: 'CACHED', click: 1, reason: '`until` held at iteration 1' });
  });

  it('skips what an `if` leaves out, and what reads it', async () => {
    const steps = await look({ deep: 'false' });
    expect(steps.second).toMatchObject({ state: 'SKIPPED', reason: 'its `if` is false' });
    expect(steps.turn).toMatchObject({ state: 'SKIPPED', reason: '`second` is skipped: its `if` is false' });
    expect(steps.last?.state).toBe('SKIPPED');
  });
});

// Estimates, queues, sweeps and how much of the store planning reads.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile } from '../../compiler/compile.js';
import { criticalPath } from '../../planning/critical-path.js';
import { estimateFrom, summarise } from '../../planning/estimate-step.js';
import { lookOnly } from '../../planning/look-only.js';
import { queueUses } from '../../planning/queues.js';
import { reportOf } from '../../planning/report.js';
import { prefixOf } from '../../planning/sweep.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { Result } from '../../schemas/generated/records.js';
import { openFolderStore } from '../../store/folder-store.js';
import type { ObjectStore } from '../../store/store.js';
import { recordsIn, ref } from './committed.js';

const text = `pawl: 1
name: timed
params:
  value: { type: number, default: 1 }
  iterations: { type: integer, default: 6 }
steps:
  first: { uses: test.sleep, with: { steps: 4, value: 5 } }
  second: { uses: test.sleep, with: { value: "\${{ params.value }}", previous: "\${{ steps.first.outputs.folder }}" } }
  turn:
    loop:
      max: "\${{ params.iterations }}"
      carry: { last: { type: folder, init: "\${{ steps.first.outputs.folder }}", next: "\${{ steps.work.outputs.folder }}" } }
      steps: { work: { uses: test.sleep, resources: { gpus: 2 }, with: { steps: 1, previous: "\${{ carry.last }}" } } }
  last: { uses: test.sleep, with: { previous: "\${{ steps.turn.outputs.last }}" } }
metrics: { score: "\${{ steps.second.metrics.value }}" }
sweep:
  method: grid
  metric: { name: score, goal: maximize }
  parameters: { value: { values: [1, 2, 3] } }
`;

function planOf(set: Record<string, unknown> = {}): Plan {
  const { plan, diagnostics } = compile({ path: 'timed.yaml', text, set, files: () => null });
  if (plan === null) throw new Error(JSON.stringify(diagnostics));
  return plan;
}

let dir: string;
let store: ObjectStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pawl-estimates-'));
  store = await openFolderStore(join(dir, 'store'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const report = (plan: Plan, from = store): ReturnType<typeof reportOf> =>
  reportOf({
    ...{ plan, store: from, environment: {}, workflowId: 'timed/x', now: 0, given: new Set(), written: new Set() },
    ...{ workflowQueue: 'pawl', trainers: [] },
  });

describe('how long a step takes', () => {
  const [kind] = Object.values(planOf().kinds);
  if (kind === undefined) throw new Error('no kind');
  const result = (seconds: number, inputs: Record<string, unknown>, resumedFrom: number | null = null): Result =>
    ({ seconds, resumedFrom, derivation: { inputs } }) as unknown as Result;
  const step = { kind, inputs: { steps: 10, step_ms: 5, value: 1 }, done: null, gpus: 0 };

  it('is the median of those whose inputs differ least, scaled by what may grow', () => {
    const results = [
      result(10, { steps: 5, step_ms: 5, value: 1 }),
      result(40, { steps: 10, step_ms: 5, value: 1 }),
      result(24, { steps: 10, step_ms: 5, value: 1 }),
      result(999, { steps: 10, step_ms: 6, value: 1 }),
    ];
    expect(estimateFrom(results, step)).toEqual({
      ...{ seconds: 24, range: { min: 20, max: 40 }, records: 3, differs: [], gpuHours: 0 },
    });
    expect(estimateFrom(results.slice(3), step)).toMatchObject({ seconds: 999, records: 1, differs: ['step_ms'] });
  });

  it('is less for what a checkpoint holds, and a resumed attempt is no measure', () => {
    const whole = result(36, { steps: 10, step_ms: 5, value: 1 });
    expect(estimateFrom([whole, result(1, whole.derivation.inputs, 9)], { ...step, done: 9, gpus: 100 })).toMatchObject(
      {
        ...{ seconds: expect.closeTo(3.6) as number, records: 1, gpuHours: expect.closeTo(0.1) as number },
      },
    );
  });

  it('is unknown without a record', () => {
    expect(estimateFrom([], { ...step, gpus: 1 })).toMatchObject({ seconds: null, records: 0, gpuHours: null });
    expect(summarise([3, 1])).toEqual({ seconds: 2, range: { min: 1, max: 3 }, records: 2 });
  });
});

it('the critical path is the longest chain, the sum is not', () => {
  const steps = [
    { name: 'c', deps: ['a', 'b'], seconds: 3 },
    { name: 'a', deps: [], seconds: 5 },
    { name: 'b', deps: [], seconds: 1 },
    { name: 'gate', deps: ['c'], seconds: 0 },
    { name: 'd', deps: ['gate', 'gone'], seconds: 2 },
  ];
  expect(criticalPath(steps)).toEqual({ seconds: 10, steps: ['a', 'c', 'd'] });
  expect(criticalPath([])).toEqual({ seconds: 0, steps: [] });
});

describe('how long a plan takes', () => {
  it('is said to be unknown of an empty store', async () => {
    const { totals } = await report(planOf());
    expect(totals).toMatchObject({ sumSeconds: 0, gpuHours: 0, withoutRecord: ['first', 'second', 'turn', 'last'] });
  });

  it('counts the iterations that are left, and their GPU hours', async () => {
    const records = recordsIn(store, dir, planOf());
    const first = await records.commit({ path: 'first', inputs: { steps: 4, value: 5 }, value: 5, seconds: 40 });
    const work = await records.commit({
      path: 'turn[0].work',
      inputs: { steps: 1, previous: ref(first) },
      value: 0,
      seconds: 36,
    });
    const before = await report(planOf());
    const loop = before.steps.find(({ path }) => path === 'turn');
    await records.click(loop?.key ?? '', 0, { work }, 50);
    await records.click(loop?.key ?? '', 1, { work }, 70);
    const { steps, totals } = await report(planOf());
    expect(steps.find(({ path }) => path === 'turn')).toMatchObject({
      state: 'RESUME',
      estimate: { seconds: 240, records: 2, range: { min: 200, max: 280 }, gpuHours: expect.closeTo(0.08) as number },
    });
    expect(totals.criticalPath.steps).toEqual(['turn', 'last']);
    expect(totals).toMatchObject({ counts: { CACHED: 1, RUN: 1, RESUME: 1, PENDING: 1 }, mayEndEarlier: false });
  });
});

it('a queue serves what it offers; what none offers comes last, with what it needs', () => {
  const trainers = [{ queue: 'small', gpus: 1, labels: [] }];
  const plan = planOf();
  const onTrainer = { ...plan, kinds: { 'test.sleep': { ...plan.kinds['test.sleep'], runs: 'trainer' } } } as Plan;
  expect(queueUses(onTrainer, { workflowQueue: 'pawl', trainers })).toEqual([
    { queue: 'small', needs: { runs: 'trainer', gpus: 0, labels: [] }, steps: ['first', 'second', 'last'] },
    { queue: null, needs: { runs: 'trainer', gpus: 2, labels: [] }, steps: ['turn.work'] },
  ]);
});

describe('a sweep', () => {
  it('shares the steps whose keys no swept param enters, also through what they read', () => {
    expect(prefixOf(planOf())).toEqual({ shared: ['first', 'turn', 'last'], perTrial: ['second'] });
    const plan = planOf();
    const over = (name: string): Plan => ({
      ...plan,
      ...(plan.sweep && { sweep: { ...plan.sweep, parameters: { [name]: { values: [1, 2] } } } }),
    });
    expect(prefixOf(over('iterations'))).toEqual({ shared: ['first', 'second'], perTrial: ['turn', 'last'] });
  });

  it('says how many steps run, and what sharing saves', async () => {
    const records = recordsIn(store, dir, planOf());
    await records.commit({ path: 'first', inputs: { steps: 4, value: 5 }, value: 5, seconds: 40 });
    const { sweep } = await report(planOf());
    expect(sweep).toMatchObject({ method: 'grid', trials: 3, concurrency: 1, steps: 6, saved: 6 });
    const { sweep: timed } = await report(planOf({ iterations: 1 }));
    // first is there; of what is left each takes 10 s a step: turn 1, last 3, and second 3 a trial.
    expect(timed).toMatchObject({ sumSeconds: 10 + 30 + 3 * 30, savedSeconds: 2 * (40 + 10 + 30) });
  });
});

describe('the store', () => {
  it('is read once: no object and no listing twice, and nothing is written', async () => {
    const records = recordsIn(store, dir, planOf());
    const first = await records.commit({ path: 'first', inputs: { steps: 4, value: 5 }, value: 5 });
    const key = (await report(planOf())).steps.find(({ path }) => path === 'turn')?.key ?? '';
    for (const index of [0, 1, 2]) await records.click(key, index, { work: first });
    const asked: string[] = [];
    const counting = new Proxy(store, {
      get: (target, name: string) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          asked.push(`${name} ${String(args[0])}`);
          return (member as (...given: unknown[]) => unknown)(...args);
        };
      },
    });
    await report(planOf(), counting);
    expect(asked.filter((one, index) => asked.indexOf(one) !== index)).toEqual([]);
    expect(asked.filter((one) => !/^(get|head|list) /.test(one))).toEqual([]);
    expect(asked.filter((one) => one === `list loops/${key}/`)).toHaveLength(1);
  });

  it('is not changed through the view that planning has', async () => {
    const view = lookOnly(store);
    expect(await view.createIfAbsent('results/x.json', 'x')).toBe(false);
    await view.put('results/x.json', 'x');
    expect(await store.get('results/x.json')).toBeNull();
  });
});

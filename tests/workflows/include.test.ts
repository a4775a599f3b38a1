// Pipelines made of several files, compiled and run in process: where their steps stand, what they are keyed by, what is
// skipped and what stands in for it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StepCall, StepOutcome } from '../../activities/calls.js';
import { compile } from '../../compiler/compile.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { InProcessRun } from '../../workflows/port-in-process.js';
import { createWorld } from '../../workflows/port-in-process.js';
import { planHash } from '../../schemas/identity.js';
import { emptyStore, inputFor, localOn, statusOf, stepOf } from './rig.js';

const header = 'pawl: 1\nname: pipe\n';

/** The plan of `main.yaml`. */
function planOf(files: Record<string, string>, set: Record<string, unknown> = {}): Plan {
  const includes = (path: string): string | null => (path in files ? header + (files[path] ?? '') : null);
  const text = header + (files['main.yaml'] ?? '');
  const { plan, diagnostics } = compile({ path: 'main.yaml', text, set, files: () => null, includes });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (plan === null) throw new Error('no plan');
  return plan;
}

interface Ran {
  run: InProcessRun;
  keys: Record<string, string>;
  result: { outputs: Record<string, unknown>; metrics: Record<string, number | null> };
}

const outcomeOf = (call: StepCall): StepOutcome => ({
  outputs: { folder: { $artifact: { key: call.key, output: 'folder', type: 'folder' } } },
  metrics: { value: Number(call.inputs['value'] ?? 0) },
  seconds: 1,
  attempts: 1,
  resumedFrom: null,
  hostQueue: null,
});

async function runPlan(plan: Plan): Promise<Ran> {
  const store = emptyStore();
  const keys: Ran['keys'] = {};
  const world = createWorld({
    activities: {
      'test.sleep': async (call, host) => {
        keys[call.path] = call.key;
        await host.sleep(1000);
        const outcome = outcomeOf(call);
        store.results.set(call.key, outcome);
        return outcome;
      },
    },
    local: localOn(store),
    startAt: 0,
  });
  store.plans.set(planHash(plan), plan);
  const run = world.start('pipe/run', inputFor(plan));
  const result = (await world.finish(run)) as Ran['result'];
  return { run, keys, result };
}

/** A step that waits, in the words of the language. */
const wait = (value: string, previous?: string): string =>
  `{ uses: test.sleep, with: { steps: 1, value: ${value}${previous === undefined ? '' : `, previous: "\${{ ${previous} }}"`} } }`;

describe('the steps of inlined files', () => {
  const leaf = `
params: { from: { type: folder }, lr: { type: number, default: 8 } }
steps: { train: ${wait('"${{ params.lr / 2 }}"', 'params.from')} }
outputs: { model: "\${{ steps.train.outputs.folder }}" }
metrics: { loss: "\${{ steps.train.metrics.value }}" }`;
  const middle = `
params: { start: { type: folder }, rate: { type: integer } }
steps:
  inner: { uses: ./leaf.yaml, with: { from: "\${{ params.start }}", lr: "\${{ params.rate + 1 }}" } }
  rl:
    loop:
      max: 2
      carry: { model: { type: folder, init: "\${{ steps.inner.outputs.model }}", next: "\${{ steps.again.outputs.model }}" } }
      steps:
        again: { uses: ./leaf.yaml, with: { from: "\${{ carry.model }}", lr: "\${{ iter.index }}" } }
        beside: ${wait('"${{ steps.inner.metrics.loss + params.rate }}"')}
outputs: { model: "\${{ steps.rl.outputs.model }}" }
metrics: { loss: "\${{ steps.rl.metrics.again.loss }}" }`;

  it('have the keys of the same steps written in one file, two files deep and in loops', async () => {
    const inlined = await runPlan(
      planOf({
        'main.yaml': `
params: { k: { type: integer, default: 5 } }
steps:
  base: ${wait('1')}
  x: { uses: ./parts/middle.yaml, with: { start: "\${{ steps.base.outputs.folder }}", rate: "\${{ params.k }}" } }
  last: ${wait('"${{ steps.x.metrics.loss }}"', 'steps.x.outputs.model')}`,
        'parts/middle.yaml': middle,
        'parts/leaf.yaml': leaf,
      }),
    );
    const byHand = await runPlan(
      planOf({
        'main.yaml': `
params: { k: { type: integer, default: 5 } }
steps:
  base: ${wait('1')}
  train: ${wait('"${{ (params.k + 1) / 2.0 }}"', 'steps.base.outputs.folder')}
  rl:
    loop:
      max: 2
      carry: { model: { type: folder, init: "\${{ steps.train.outputs.folder }}", next: "\${{ steps.again.outputs.folder }}" } }
      steps:
        again: ${wait('"${{ iter.index / 2.0 }}"', 'carry.model')}
        beside: ${wait('"${{ steps.train.metrics.value + params.k }}"')}
  last: ${wait('"${{ steps.rl.metrics.again.value }}"', 'steps.rl.outputs.model')}`,
      }),
    );
    const sameSteps: [string, string][] = [
      ['base', 'base'],
      ['x.inner.train', 'train'],
      ['x.rl[0].again.train', 'rl[0].again'],
      ['x.rl[1].again.train', 'rl[1].again'],
      ['x.rl[1].beside', 'rl[1].beside'],
      ['last', 'last'],
    ];
    for (const [path, hand] of sameSteps) expect([path, inlined.keys[path]]).toEqual([path, byHand.keys[hand]]);
    expect(Object.keys(inlined.keys)).toHaveLength(Object.keys(byHand.keys).length);
    expect(Object.values(inlined.keys)).not.toContain(undefined);
  });

  it('wait only for what they read, and are waited for one by one', () => {
    const { steps } = planOf({
      'main.yaml': `
steps:
  a: ${wait('1')}
  b: ${wait('2')}
  x: { uses: ./two.yaml, with: { one: "\${{ steps.a.outputs.folder }}", other: "\${{ steps.b.outputs.folder }}" } }
  reads: ${wait('3', 'steps.x.outputs.one')}
  waits: { uses: test.sleep, needs: [x], with: { steps: 1 } }`,
      'two.yaml': `
params: { one: { type: folder }, other: { type: folder } }
steps: { p: ${wait('1', 'params.one')}, q: ${wait('1', 'params.other')} }
outputs: { one: "\${{ steps.p.outputs.folder }}" }`,
    });
    const deps = Object.fromEntries(Object.entries(steps).map(([name, node]) => [name, node.deps]));
    expect(deps).toEqual({ a: [], b: [], 'x.p': ['a'], 'x.q': ['b'], reads: ['x.p'], waits: ['x.p', 'x.q'] });
  });

  it('keep their matrices, whose cells stand under the name of the step, too', async () => {
    const plan = planOf({
      'main.yaml': `
params: { rates: { type: list, default: [1, 3, 2] } }
steps:
  x: { uses: ./search.yaml, with: { rates: "\${{ params.rates }}" } }
  last: ${wait('"${{ steps.x.metrics.loss }}"', 'steps.x.outputs.model')}`,
      'search.yaml': `
params: { rates: { type: list } }
steps:
  train:
    uses: test.sleep
    matrix: { rate: "\${{ params.rates }}" }
    best: { metric: value, goal: maximize }
    with: { steps: 1, value: "\${{ matrix.rate }}" }
outputs: { model: "\${{ steps.train.best.outputs.folder }}" }
metrics: { loss: "\${{ steps.train.best.metrics.value }}" }`,
    });
    const { keys, run } = await runPlan(plan);
    expect(Object.keys(keys).sort()).toEqual(['last', 'x.train[rate=1]', 'x.train[rate=2]', 'x.train[rate=3]']);
    expect(stepOf(run, 'x.train').reason).toBe('3 cells; the best is x.train[rate=3]');
  });

  it('are skipped together when the `if` of the step does not hold, and its `else` stands in', async () => {
    const files = {
      'main.yaml': `
params: { tune: { type: boolean, default: true } }
steps:
  base: ${wait('1')}
  x:
    uses: ./part.yaml
    if: \${{ params.tune }}
    with: { start: "\${{ steps.base.outputs.folder }}" }
    else: { model: "\${{ steps.base.outputs.folder }}" }
  last: ${wait('2', 'steps.x.outputs.model')}
  figure: ${wait('"${{ steps.x.metrics.loss }}"')}
outputs: { model: "\${{ steps.x.outputs.model }}" }`,
      'part.yaml': `
params: { start: { type: folder } }
steps:
  deep: { uses: ./deep.yaml, with: { from: "\${{ params.start }}" } }
  also: { uses: test.sleep, if: "\${{ steps.deep.metrics.loss > 3.0 }}", with: { steps: 1 } }
outputs: { model: "\${{ steps.deep.outputs.model }}" }
metrics: { loss: "\${{ steps.deep.metrics.loss }}" }`,
      'deep.yaml': leaf,
    };
    const kept = await runPlan(planOf(files));
    expect(Object.keys(kept.keys).sort()).toEqual(['base', 'figure', 'last', 'x.also', 'x.deep.train']);
    const { run, keys, result } = await runPlan(planOf(files, { tune: false }));
    expect(Object.keys(keys)).toEqual(['base', 'last']);
    expect(stepOf(run, 'x.deep.train').reason).toBe('`params.tune` does not hold');
    expect(stepOf(run, 'figure').reason).toBe('`x.deep.train` was skipped: `params.tune` does not hold');
    expect(result.outputs['model']).toEqual({
      $artifact: { key: keys['base'], output: 'folder', type: 'folder' },
    });
  });
});

describe('pipelines/composed.yaml', () => {
  const folder = join(import.meta.dirname, '../../pipelines');
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
  const composed = (set: Record<string, unknown> = {}): Plan => {
    const { plan } = compile({
      path: 'composed.yaml',
      text: read('composed.yaml'),
      set,
      files: () => null,
      includes: read,
    });
    if (plan === null) throw new Error('it does not compile');
    return plan;
  };

  it('runs: a file used twice, one in another, one in a loop', async () => {
    const { run, keys, result } = await runPlan(composed());
    expect(Object.keys(keys).sort()).toEqual([
      'first',
      'long.again[0].work',
      'long.again[1].work',
      'long.sleep.sleep',
      'short.again[0].work',
      'short.sleep.sleep',
      'turn[0].part.sleep',
      'turn[1].part.sleep',
      'turn[2].part.sleep',
    ]);
    // 4 / 2 of the step in the file in the file; 2 * 5 / 2, for `until` holds after iteration 2.
    expect(result.metrics).toEqual({ work: 2, half: 5 });
    expect(statusOf(run).steps.map(({ path, state }) => [path, state])).toContainEqual(['long.again', 'done']);
  });

  it('goes on without a part', async () => {
    const { keys, result } = await runPlan(composed({ tune: 'false' }));
    expect(Object.keys(keys).some((path) => path.startsWith('long'))).toBe(false);
    expect(result.metrics.half).toBe(5);
  });
});

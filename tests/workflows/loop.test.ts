// Loops: clicks, where a loop goes on, until, carries, continue-as-new, rewinding, the slot lease, nesting.
import { describe, expect, it } from 'vitest';
import type { StepCall } from '../../activities/calls.js';
import { stepSeed } from '../../schemas/identity.js';
import type { Plan } from '../../schemas/generated/plan.js';
import {
  benchOf,
  countingLoop,
  emptyStore,
  expr,
  failWith,
  failureOf,
  loop,
  outcomeOf,
  planOf,
  statusOf,
  step,
  stepOf,
  out,
  takesASecond,
} from './rig.js';
import type { MemoryStore } from './rig.js';

const countTo = (given: Parameters<typeof countingLoop>[0], plan: Partial<Plan> = {}): Plan =>
  planOf({ rl: countingLoop(given) }, { outputs: { last: expr('steps.rl.outputs.at') }, ...plan });

const after = (store: MemoryStore) => benchOf(takesASecond, { store });

describe('iterations', () => {
  it('run one after the other, each with the carry of the one before and a click of its own', async () => {
    const bench = benchOf();
    const result = await bench.run(countTo({ max: 3 }));
    expect(bench.paths()).toEqual(['rl[0].work', 'rl[1].work', 'rl[2].work']);
    const [first, second, third] = bench.calls.map(({ call }) => call);
    expect(first?.inputs).toEqual({ value: 0 });
    expect(second?.inputs['from']).toEqual({ $artifact: { key: first?.key, output: 'out', type: 'folder' } });
    expect([...bench.store.clicks.values()][0]).toMatchObject([
      { index: 0, metrics: { work: { value: 0 } } },
      { index: 1, metrics: { work: { value: 1 } } },
      { index: 2, metrics: { work: { value: 2 } } },
    ]);
    expect(result).toMatchObject({ outputs: { last: { $artifact: { key: third?.key } } } });
  });

  it('have seeds of their own', async () => {
    const bench = benchOf();
    await bench.run(countTo({ max: 2 }));
    expect(bench.calls.map(({ call }) => call.seed)).toEqual([stepSeed(7, [0]), stepSeed(7, [1])]);
  });

  it('give the metrics of the last one to what follows', async () => {
    const bench = benchOf();
    const plan = planOf({ rl: countingLoop({ max: 3 }) }, { metrics: { last: expr('steps.rl.metrics.work.value') } });
    expect(await bench.run(plan)).toMatchObject({ metrics: { last: 2 } });
  });

  it('see the steps around the loop, and only what they read of them enters the loop key', async () => {
    const plan = (note: number): Plan =>
      planOf({
        base: step({ with: { value: 5 } }),
        other: step({ with: { value: note } }),
        rl: loop({
          max: 1,
          deps: ['base', 'other'],
          carry: { at: { artifact: 'folder', type: 'folder', init: out('base'), next: out('work') } },
          steps: {
            work: step({
              with: { value: expr('steps.base.metrics.value + 1'), from: expr('carry.at') },
              deps: ['base'],
            }),
          },
        }),
      });
    const bench = benchOf();
    await bench.run(plan(1));
    expect(bench.calls.find(({ path }) => path === 'rl[0].work')?.call.inputs['value']).toBe(6);
    await after(bench.store).run(plan(2));
    expect(bench.store.clicks.size).toBe(1);
  });

  it('number nothing when max is 0: the inits come out', async () => {
    const plan = planOf(
      {
        base: step(),
        rl: countingLoop({
          max: 0,
          deps: ['base'],
          carry: { at: { artifact: 'folder', type: 'folder', init: out('base'), next: out('work') } },
        }),
      },
      { outputs: { last: expr('steps.rl.outputs.at') } },
    );
    const bench = benchOf();
    expect(await bench.run(plan)).toMatchObject({ outputs: { last: { $artifact: { output: 'out' } } } });
    expect(bench.paths()).toEqual(['base']);
  });

  it('refuse a max that is no whole number', async () => {
    const failure = await failureOf(benchOf().run(countTo({ max: 1.5 })));
    expect(failure).toMatchObject({
      type: 'config',
      message: 'rl: `max` must be a whole number, 0 or more, and is 1.5 [config]',
    });
  });
});

describe('clicks', () => {
  it('are where a loop goes on: raising max runs only what is new', async () => {
    const bench = benchOf();
    await bench.run(countTo({ max: 2 }));
    const later = after(bench.store);
    await later.run(countTo({ max: 4 }));
    expect(later.paths()).toEqual(['rl[2].work', 'rl[3].work']);
  });

  it('beyond a lowered max are left alone', async () => {
    const bench = benchOf();
    await bench.run(countTo({ max: 4 }));
    const later = after(bench.store);
    const run = later.start(countTo({ max: 2 }));
    const result = await later.world.finish(run);
    expect(later.paths()).toEqual([]);
    expect(result).toMatchObject({ outputs: { last: { $artifact: { key: bench.calls[1]?.call.key } } } });
    const key = [...bench.store.clicks.keys()][0];
    expect(statusOf(run).steps[0]).toMatchObject({ clicks: 2, key, reason: '2 iterations' });
  });

  it('resume after an iteration failed', async () => {
    const bench = benchOf((call) => (call.path === 'rl[2].work' ? failWith('oom') : outcomeOf(call)));
    const failure = await failureOf(bench.run(countTo({ max: 4 })));
    expect(failure).toMatchObject({ type: 'oom', message: 'rl[2].work: asked to fail [oom]' });
    const later = after(bench.store);
    await later.run(countTo({ max: 4 }));
    expect(later.paths()).toEqual(['rl[2].work', 'rl[3].work']);
  });

  it('that another run wrote stand', async () => {
    const store = emptyStore();
    const bench = benchOf(
      async (call) => {
        const [key] = [...store.clicks.keys()];
        if (call.path === 'rl[1].work' && key !== undefined) {
          const theirs = { at: { $artifact: { key: 'theirs', output: 'out', type: 'folder' as const } } };
          store.clicks.get(key)?.push({ index: 1, carry: theirs, metrics: { work: { value: 9 } } });
        }
        return outcomeOf(call);
      },
      { store },
    );
    await bench.run(countTo({ max: 3 }));
    expect(bench.calls[2]?.call.inputs['from']).toEqual({
      $artifact: { key: 'theirs', output: 'out', type: 'folder' },
    });
  });

  it('come every `commit` iterations, and at the end', async () => {
    const bench = benchOf();
    await bench.run(countTo({ max: 5, commit: 2 }));
    expect([...bench.store.clicks.values()][0]?.map(({ index }) => index)).toEqual([1, 3, 4]);
  });
});

describe('until', () => {
  const until = expr('steps.work.metrics.value >= 1.0');

  it('ends the loop after the iteration at which it holds', async () => {
    const bench = benchOf();
    const run = bench.start(countTo({ max: 9, until }));
    await bench.world.finish(run);
    expect(bench.paths()).toEqual(['rl[0].work', 'rl[1].work']);
    expect(stepOf(run, 'rl').reason).toBe('`until` held after 2 of at most 9 iterations');
  });

  it('is tested over the recorded iterations: the loop ends at the first one at which it holds', async () => {
    const bench = benchOf();
    await bench.run(countTo({ max: 4 }));
    const later = after(bench.store);
    const result = await later.run(countTo({ max: 9, until }));
    expect(later.paths()).toEqual([]);
    expect(result).toMatchObject({ outputs: { last: { $artifact: { key: bench.calls[1]?.call.key } } } });
  });

  it('computes that iteration again from the nearest kept click when its carry is pruned', async () => {
    const bench = benchOf();
    await bench.run(countTo({ max: 4 }));
    bench.store.pruned.add(1).add(2);
    bench.store.results.clear();
    const later = after(bench.store);
    await later.run(countTo({ max: 9, until }));
    expect(later.paths()).toEqual(['rl[1].work']);
  });

  it('does not hold where it reads a step that was skipped', async () => {
    const steps = {
      work: step({ with: { value: expr('iter.index'), from: expr('carry.at') } }),
      dev: step({ if: expr('iter.index % 2 == 1'), with: { value: expr('iter.index + 10') } }),
    };
    const bench = benchOf();
    await bench.run(countTo({ max: 9, steps, until: expr('steps.dev.metrics.value > 5.0') }));
    expect(bench.paths().filter((path) => path.endsWith('dev'))).toEqual(['rl[1].dev']);
    expect(bench.paths().at(-1)).toMatch(/^rl\[1\]/);
  });
});

describe('the best', () => {
  it('gives the carries of the iteration with the best metric', async () => {
    const bench = benchOf(async (call) =>
      outcomeOf(call, { metrics: { value: [1, 5, 3][call.inputs['value'] as number] ?? 0 } }),
    );
    const keep = { last: 1, every: null, best: { metric: 'steps.work.value', goal: 'maximize' as const } };
    const run = bench.start(countTo({ max: 3, keep }));
    const result = await bench.world.finish(run);
    expect(result).toMatchObject({ outputs: { last: { $artifact: { key: bench.calls[1]?.call.key } } } });
    expect(stepOf(run, 'rl').reason).toBe('3 iterations; the best is iteration 1');
  });
});

describe('a long history', () => {
  it('continues as new at clicks, and goes on where it was', async () => {
    const bench = benchOf(takesASecond, { continueAsNewAfter: 2 });
    await bench.run(countTo({ max: 5 }));
    expect(bench.paths()).toEqual([0, 1, 2, 3, 4].map((index) => `rl[${index}].work`));
    expect(bench.world.get('pipe/run/rl')?.executions()).toBe(3);
  });
});

describe('lost uncommitted results', () => {
  it('take the loop back to its last click', async () => {
    let losses = 1;
    const bench = benchOf((call) => {
      if (call.path === 'rl[3].work' && losses > 0) {
        losses -= 1;
        failWith('volatile_lost', 'the engine died');
      }
      return outcomeOf(call);
    });
    bench.store.results.set = () => bench.store.results;
    await bench.run(countTo({ max: 4, commit: 2 }));
    expect(bench.paths()).toEqual(['rl[0].work', 'rl[1].work', 'rl[2].work', 'rl[3].work', 'rl[2].work', 'rl[3].work']);
  });

  it('again and again without a click between are a failure', async () => {
    const bench = benchOf(() => failWith('volatile_lost', 'the engine died'));
    const failure = await failureOf(bench.run(countTo({ max: 2 })));
    expect(failure.type).toBe('volatile_lost');
    expect(bench.calls).toHaveLength(4);
  });
});

describe('the slot lease', () => {
  const steps = {
    roll: step({ uses: 'test.train', with: { value: expr('iter.index'), from: expr('carry.at') } }),
    work: step({ uses: 'test.train', with: { value: expr('iter.index + 100'), from: out('roll') }, deps: ['roll'] }),
  };
  const onHost = async (call: StepCall) => outcomeOf(call, { hostQueue: 'host-1' });

  it('sends later trainer steps of the loop to the host of the first', async () => {
    const bench = benchOf(onHost);
    await bench.run(countTo({ max: 2, steps }));
    expect(bench.calls.map(({ queue }) => queue)).toEqual(['small', 'host-1', 'host-1', 'host-1']);
  });

  it('falls back to the shared queue after five seconds when the host is gone', async () => {
    const bench = benchOf(onHost, { deafQueues: new Set(['host-1']) });
    await bench.run(countTo({ max: 1, steps }));
    expect(bench.calls.map(({ queue, at }) => [queue, at])).toEqual([
      ['small', 0],
      ['small', 5000],
    ]);
  });
});

describe('a nested loop', () => {
  const inner = loop({
    max: 2,
    carry: { at: { artifact: 'folder', type: 'folder', init: expr('carry.at'), next: out('work') } },
    steps: { work: step({ with: { value: expr('iter.index'), from: expr('carry.at') } }) },
  });
  const plan = planOf({
    outer: loop({
      max: 2,
      carry: { at: { artifact: 'folder', type: 'folder', init: null, next: expr('steps.inner.outputs.at') } },
      until: expr('steps.inner.metrics.work.value > 50.0'),
      steps: { inner },
    }),
  });

  it('runs in each iteration, in a workflow and with clicks of its own', async () => {
    const bench = benchOf();
    const run = bench.start(plan);
    await bench.world.finish(run);
    expect(bench.paths()).toEqual([
      'outer[0].inner[0].work',
      'outer[0].inner[1].work',
      'outer[1].inner[0].work',
      'outer[1].inner[1].work',
    ]);
    expect(bench.world.get('pipe/run/outer[1].inner')).toBeDefined();
    expect(bench.calls[3]?.call.seed).toBe(stepSeed(7, [1, 1]));
    expect(bench.store.clicks.size).toBe(3);
    const outer = [...bench.store.clicks.values()].find((clicks) => 'inner' in (clicks[0]?.metrics ?? {}));
    expect(outer?.[1]?.metrics).toEqual({ inner: { 'work.value': 1 } });
    await after(bench.store).run(plan);
  });

  it('names the place of a failure', async () => {
    const bench = benchOf((call) =>
      call.path === 'outer[1].inner[0].work' ? failWith('data', 'torn') : outcomeOf(call),
    );
    expect((await failureOf(bench.run(plan))).message).toBe('outer[1].inner[0].work: torn [data]');
  });
});

describe('the status of a loop', () => {
  it('tells the workflows of loops from the root, and the position from each', async () => {
    const bench = benchOf();
    const run = bench.start(countTo({ max: 3 }));
    await bench.world.clock.advance(1_500);
    expect(statusOf(run).loops).toEqual([{ path: 'rl', workflowId: 'pipe/run/rl', max: 3, state: 'running' }]);
    const child = bench.world.get('pipe/run/rl');
    expect(statusOf(child)).toMatchObject({
      loop: { path: 'rl', iteration: 1, max: 3, clicks: 1, metrics: { work: { value: 0 } } },
      steps: [{ path: 'rl[1].work', state: 'running', iteration: 1 }],
    });
    expect(child?.attributes()).toMatchObject({ step: 'rl', iteration: 0 });
    await bench.world.finish(run);
  });
});

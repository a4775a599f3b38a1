// A fanned-out step: its cells are steps like any other, and what collects them picks the best.
import { describe, expect, it } from 'vitest';
import type { Cell, MatrixNode, Node, Plan, StepNode } from '../../schemas/generated/plan.js';
import {
  benchOf,
  emptyStore,
  expr,
  failureOf,
  failWith,
  kinds,
  loop,
  outcomeOf,
  planOf,
  statusOf,
  step,
  stepOf,
  takesASecond,
} from './rig.js';

const maximize: MatrixNode['best'] = { metric: 'value', goal: 'maximize' };
const bestOut = (name: string): { $expr: string } => expr(`steps.${name}.best.outputs.out`);

/** `try` fanned out over values, as the compiler writes it. */
function fan(
  values: number[],
  given: {
    best?: MatrixNode['best'];
    otherwise?: MatrixNode['else'];
    cell?: (value: number) => Partial<StepNode>;
  } = {},
): Record<string, Node> {
  const cells: Cell[] = values.map((x) => ({ name: `try[x=${x}]`, matrix: { x } }));
  const steps = cells.map(({ name, matrix }): [string, Node] => [
    name,
    step({ with: { value: matrix['x'] ?? null }, ...given.cell?.(Number(matrix['x'])) }),
  ]);
  const collector: MatrixNode = {
    node: 'matrix',
    deps: [...cells.map(({ name }) => name), ...(given.otherwise == null ? [] : ['base'])].sort(),
    cells,
    best: given.best === undefined ? maximize : given.best,
    else: given.otherwise ?? null,
    summary: '',
  };
  return { ...Object.fromEntries(steps), try: collector };
}

const after = step({ with: { from: bestOut('try'), value: expr('steps.try.best.metrics.value') }, deps: ['try'] });

async function metricsOf(plan: Plan): Promise<unknown> {
  const result = (await benchOf().run(plan)) as { metrics: unknown };
  return result.metrics;
}

describe('the cells', () => {
  it('run beside each other, and what reads the best runs when all have ended', async () => {
    const bench = benchOf();
    await bench.run(planOf({ ...fan([3, 5, 4]), after }));
    expect(bench.calls.map(({ path, at }) => [path, at])).toEqual([
      ['try[x=3]', 0],
      ['try[x=5]', 0],
      ['try[x=4]', 0],
      ['after', 1000],
    ]);
    expect(bench.calls[3]?.call.inputs).toEqual({
      from: { $artifact: { key: bench.calls[1]?.call.key, output: 'out', type: 'folder' } },
      value: 5,
    });
  });

  it('have the keys of the same steps written out by hand', async () => {
    const bench = benchOf();
    const run = bench.start(planOf({ ...fan([3, 5]), by_hand: step({ with: { value: 5 } }) }));
    await bench.world.finish(run);
    const keyOf = (path: string): unknown => statusOf(run).steps.find((one) => one.path === path)?.key;
    expect(keyOf('by_hand')).toBe(keyOf('try[x=5]'));
    expect(keyOf('by_hand')).not.toBe(keyOf('try[x=3]'));
  });

  it('are read as a list with their axes and metrics', async () => {
    const plan = planOf(fan([3, 5, 4], { best: null }), {
      metrics: {
        sum: expr('steps.try.cells[0].metrics.value + steps.try.cells[1].metrics.value'),
        large: expr('size(steps.try.cells.filter(c, c.matrix.x >= 4.0))'),
      },
    });
    expect(await metricsOf(plan)).toEqual({ sum: 8, large: 2 });
  });
});

describe('the best', () => {
  it('is shown with its name and metrics', async () => {
    const bench = benchOf();
    const run = bench.start(planOf(fan([3, 5, 4])));
    await bench.world.finish(run);
    expect(stepOf(run, 'try')).toEqual({ state: 'done', reason: '3 cells; the best is try[x=5]' });
    expect(statusOf(run).steps.find(({ path }) => path === 'try')).toMatchObject({
      kind: 'matrix',
      metrics: { value: 5 },
    });
    expect(run.shown()).toContain('| try | matrix | done: 3 cells; the best is try[x=5] | 0.0 | value 5 |');
    expect(bench.store.records.at(-1)?.record.steps.find(({ path }) => path === 'try')).toMatchObject({
      kind: 'matrix',
      state: 'done',
      key: null,
      metrics: { value: 5 },
    });
  });

  it('is the smallest where that is asked for, and of equals the first by name', async () => {
    const smallest = fan([3, 1, 2], { best: { metric: 'value', goal: 'minimize' } });
    const equal = fan([30, 4, 200], { cell: () => ({ with: { value: 7 } }) });
    for (const [nodes, best] of [
      [smallest, 'try[x=1]'],
      [equal, 'try[x=200]'],
    ] as const) {
      const bench = benchOf();
      const run = bench.start(planOf(nodes));
      await bench.world.finish(run);
      expect(stepOf(run, 'try').reason).toContain(`the best is ${best}`);
    }
  });

  it('is never a cell without a value', async () => {
    const bench = benchOf(async (call) =>
      outcomeOf(call, call.path === 'try[x=9]' ? { metrics: { value: null } } : {}),
    );
    const run = bench.start(planOf(fan([9, 2, 3])));
    await bench.world.finish(run);
    expect(stepOf(run, 'try').reason).toBe('3 cells; the best is try[x=3]');
  });

  it('that no cell can be is a failure with the metric', async () => {
    const bench = benchOf(async (call) => outcomeOf(call, { metrics: {} }));
    const failure = await failureOf(bench.run(planOf({ ...fan([1, 2]), after })));
    expect(failure).toMatchObject({
      type: 'data',
      message:
        'try: no cell has a value for `value`, so none is the best: it was not measured, or is not finite [data]',
    });
    expect(bench.paths()).not.toContain('after');
  });
});

describe('a cell that fails', () => {
  it('keeps what reads the step from starting; the other cells finish', async () => {
    const bench = benchOf(async (call, host) => {
      if (call.path === 'try[x=1]') failWith('oom', 'too big');
      return takesASecond(call, host);
    });
    const run = bench.start(planOf({ ...fan([1, 2]), after, beside: step({ with: { value: 8 } }) }));
    const failure = await failureOf(bench.world.finish(run));
    expect(failure.message).toBe('try[x=1]: too big [oom]');
    expect(bench.paths()).toEqual(['try[x=1]', 'try[x=2]', 'beside']);
    expect(stepOf(run, 'try[x=2]').state).toBe('done');
    for (const path of ['try', 'after'])
      expect(stepOf(run, path)).toEqual({ state: 'skipped', reason: 'not started because `try[x=1]` failed' });
  });

  it('is tried again alone in the next run: the others are cached', async () => {
    let isBroken = true;
    const store = emptyStore();
    const behave = async (call: Parameters<typeof takesASecond>[0]) =>
      isBroken && call.path === 'try[x=1]' ? failWith('oom', 'too big') : outcomeOf(call);
    const plan = planOf({ ...fan([1, 2]), after });
    await failureOf(benchOf(behave, { store }).run(plan));
    isBroken = false;
    const second = benchOf(behave, { store });
    await second.run(plan);
    expect(second.paths()).toEqual(['try[x=1]', 'after']);
  });
});

describe('a skipped cell', () => {
  const only = (limit: number) => ({ cell: (value: number) => ({ with: { value }, if: expr(`${value} < ${limit}`) }) });

  it('is left out', async () => {
    const bench = benchOf();
    const plan = planOf({ ...fan([1, 2, 3], only(3)), after }, { metrics: { n: expr('size(steps.try.cells)') } });
    const run = bench.start(plan);
    expect(await bench.world.finish(run)).toMatchObject({ metrics: { n: 2 } });
    expect(bench.paths()).toEqual(['try[x=1]', 'try[x=2]', 'after']);
    expect(stepOf(run, 'try').reason).toBe('2 of 3 cells ran; the best is try[x=2]');
  });

  it('beside only skipped ones skips what reads them', async () => {
    const bench = benchOf();
    const run = bench.start(planOf({ ...fan([1, 2], only(0)), after }));
    await bench.world.finish(run);
    expect(stepOf(run, 'try')).toEqual({ state: 'skipped', reason: 'every cell was skipped: `1 < 0` does not hold' });
    expect(stepOf(run, 'after').reason).toBe('`try` was skipped: every cell was skipped: `1 < 0` does not hold');
  });

  it('beside only skipped ones gives what else supplies for the best', async () => {
    const bench = benchOf();
    const nodes = fan([1, 2], { ...only(0), otherwise: { out: expr('steps.base.outputs.out') } });
    const readsOutput = step({ with: { from: bestOut('try') }, deps: ['try'] });
    const run = bench.start(planOf({ base: step({ with: { value: 5 } }), ...nodes, readsOutput, after }));
    await bench.world.finish(run);
    expect(bench.paths()).toEqual(['base', 'readsOutput']);
    expect(stepOf(run, 'after').state).toBe('skipped');
  });
});

describe('inside a loop', () => {
  const body = (given: Partial<Parameters<typeof loop>[0]> = {}) =>
    loop({
      max: 4,
      carry: { at: { artifact: 'folder', type: 'folder', init: null, next: bestOut('try') } },
      steps: fan([1, 2], {
        cell: (value) => ({ with: { value: expr(`${value} + iter.index`), from: expr('carry.at') } }),
      }),
      ...given,
    });

  it('the best is carried on, and `until` reads it and the cells', async () => {
    const bench = benchOf();
    const until = expr('steps.try.best.metrics.value > 3.5 && size(steps.try.cells) == 2');
    const run = bench.start(
      planOf({ turn: body({ until }) }, { metrics: { value: expr('steps.turn.metrics.try.value') } }),
    );
    expect(await bench.world.finish(run)).toMatchObject({ metrics: { value: 4 } });
    expect(bench.paths()).toHaveLength(6);
    expect(bench.paths()).toContain('turn[2].try[x=2]');
    expect(bench.calls.at(-1)?.call.inputs['from']).toEqual({
      $artifact: { key: bench.calls[3]?.call.key, output: 'out', type: 'folder' },
    });
  });

  it('a longer loop knows from its clicks where `until` held', async () => {
    const store = emptyStore();
    await benchOf(takesASecond, { store }).run(planOf({ turn: body({ max: 3 }) }));
    const second = benchOf(takesASecond, { store });
    const until = expr('steps.try.cells.all(c, c.metrics.value > 1.5)');
    const run = second.start(planOf({ turn: body({ max: 9, until }) }));
    await second.world.finish(run);
    expect(second.paths()).toEqual([]);
    expect(stepOf(run, 'turn').reason).toBe('`until` held after 2 of at most 9 iterations');
  });

  it('a body sees the cells and the best of a step around it', async () => {
    const inner = step({ with: { from: bestOut('try'), value: expr('size(steps.try.cells) + iter.index') } });
    const turn = loop({ max: 2, deps: ['try'], carry: {}, steps: { inner } });
    const bench = benchOf();
    await bench.run(planOf({ ...fan([1, 2, 3]), turn }));
    expect(bench.calls.slice(3).map(({ path, call }) => [path, call.inputs['value']])).toEqual([
      ['turn[0].inner', 3],
      ['turn[1].inner', 4],
    ]);
  });
});

it('a matrix of 256 cells ends with the best of them', async () => {
  const values = Array.from({ length: 256 }, (_, index) => (index * 37) % 256);
  const plan = planOf({ ...fan(values), after }, { kinds, metrics: { best: expr('steps.after.metrics.value') } });
  expect(await metricsOf(plan)).toEqual({ best: 255 });
});

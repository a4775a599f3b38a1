// A loop that is forked: it begins after an iteration of another run, with what that one carried, and is another loop.
import { describe, expect, it } from 'vitest';
import type { LoopNode, Plan } from '../../schemas/generated/plan.js';
import { stepSeed } from '../../schemas/identity.js';
import { benchOf, countingLoop, emptyStore, expr, planOf, step, stepOf, takesASecond } from './rig.js';
import type { Bench } from './rig.js';

const plan = (rate: number, given: Partial<LoopNode> = {}): Plan =>
  planOf(
    {
      before: step({ with: { value: 3 } }),
      rl: countingLoop({
        max: 6,
        deps: ['before'],
        steps: { work: step({ with: { value: expr('params.rate'), from: expr('carry.at') } }) },
        ...given,
      }),
    },
    { params: { rate }, outputs: { last: expr('steps.rl.outputs.at') } },
  );

/** What `pawl fork` puts into the plan for the iteration `index` of a run. */
function forkAt({ store }: Bench, index: number): NonNullable<LoopNode['fork']> {
  const click = [...store.clicks.values()][0]?.find((one) => one.index === index);
  if (click === undefined) throw new Error('no such click');
  return { run: 'pipe/first', iteration: index, carry: click.carry, metrics: click.metrics };
}

async function forked(rate: number, index: number, given: Partial<LoopNode> = {}) {
  const first = benchOf();
  await first.run(plan(1));
  const bench = benchOf(takesASecond, { store: first.store });
  const run = bench.start(plan(rate, { fork: forkAt(first, index), ...given }));
  return { first, bench, run, result: await bench.world.finish(run) };
}

describe('a forked loop', () => {
  it('begins after the iteration, with what that carried and its number; what is before is cached', async () => {
    const { first, bench, run } = await forked(2, 3);
    expect(bench.paths()).toEqual(['rl[4].work', 'rl[5].work']);
    expect(stepOf(run, 'before').state).toBe('cached');
    const origin = first.calls.find(({ path }) => path === 'rl[3].work')?.call;
    expect(bench.calls[0]?.call.inputs).toEqual({
      value: 2,
      from: { $artifact: { key: origin?.key, output: 'out', type: 'folder' } },
    });
    expect(bench.calls[0]?.call.seed).toBe(stepSeed(7, [4]));
  });

  it('has clicks of its own, and leaves those of the other run alone', async () => {
    const { bench } = await forked(2, 3);
    expect([...bench.store.clicks.values()].map((clicks) => clicks.map(({ index }) => index))).toEqual([
      [0, 1, 2, 3, 4, 5],
      [4, 5],
    ]);
  });

  it('goes on at its own last click', async () => {
    const { first, bench } = await forked(2, 3);
    const later = benchOf(takesASecond, { store: bench.store });
    await later.run(plan(2, { fork: forkAt(first, 3), max: 8 }));
    expect(later.paths()).toEqual(['rl[6].work', 'rl[7].work']);
  });

  it('without a change makes what the other run has made: every step is cached', async () => {
    const { first, bench, result } = await forked(1, 3);
    expect(bench.paths()).toEqual([]);
    expect(result).toMatchObject({ outputs: { last: { $artifact: { key: first.calls.at(-1)?.call.key } } } });
  });

  it('of another iteration, or in another run, is the same loop only where what it begins with is the same', async () => {
    const { first, bench } = await forked(2, 3);
    const other = benchOf(takesASecond, { store: bench.store });
    await other.run(plan(2, { fork: { ...forkAt(first, 3), run: 'pipe/of-the-same-iteration' } }));
    expect(other.paths()).toEqual([]);
    await other.run(plan(2, { fork: forkAt(first, 4) }));
    expect(other.paths()).toEqual(['rl[5].work']);
    expect(other.store.clicks.size).toBe(3);
  });

  it('that has no iteration left hands out what it was forked from', async () => {
    const { first, bench, result } = await forked(2, 5);
    expect(bench.paths()).toEqual([]);
    expect(result).toMatchObject({ outputs: { last: forkAt(first, 5).carry['at'] } });
  });

  it('can itself be forked', async () => {
    const { bench } = await forked(2, 3);
    const [, clicks = []] = [...bench.store.clicks.values()];
    const { carry = {}, metrics = {} } = clicks.find(({ index }) => index === 4) ?? {};
    const again = benchOf(takesASecond, { store: bench.store });
    await again.run(plan(5, { fork: { run: 'pipe/second', iteration: 4, carry, metrics } }));
    expect(again.paths()).toEqual(['rl[5].work']);
  });

  it('says where it comes from, in its reason and in the record', async () => {
    const { bench, run } = await forked(2, 3);
    expect(stepOf(run, 'rl').reason).toBe('6 iterations; forked from pipe/first after iteration 3');
    expect(bench.store.records.at(-1)?.record.forkedFrom).toEqual({ run: 'pipe/first', loop: 'rl', iteration: 3 });
  });

  it('is another loop than one that begins at 0, whose key stays as it was', async () => {
    const store = emptyStore();
    await benchOf(takesASecond, { store }).run(plan(1));
    const [before] = [...store.clicks.keys()];
    const { bench } = await forked(1, 3);
    expect([...bench.store.clicks.keys()][0]).toBe(before);
    expect(new Set(bench.store.clicks.keys()).size).toBe(2);
  });
});

// `commit-behind`: a click is stored while the next iteration runs; what comes out is what comes out without, whatever is lost.
import { describe, expect, it } from 'vitest';
import type { LoopNode } from '../../schemas/generated/plan.js';
import { clicksOf, committedPaths, countingPlan, features, hostBench, type HostBench } from './host-bench.js';
import { benchOf, expr, failureOf, failWith, statusOf, stepOf } from './rig.js';

const plan = (given: Partial<LoopNode> = {}) => countingPlan({ behind: true, ...given });

/** What began and ended, in order; storing takes `storingMs`, a step a second. */
function timeline(storingMs: number, given: Parameters<typeof hostBench>[0] = {}) {
  const told: string[] = [];
  const rig: HostBench = hostBench({
    ...given,
    onCall: async (call, host, more) => {
      told.push(call.path);
      await host.sleep(1_000);
      await given.onCall?.(call, host, more);
    },
    onClick: async (path, lose) => {
      told.push(`store ${path}`);
      await new Promise<void>((resolve) => void rig.bench.world.clock.after(storingMs, resolve));
      await given.onClick?.(path, lose);
    },
  });
  const local = { ...rig.bench.local };
  rig.bench.local.commitClick = async (input) => {
    told.push(`click ${input.click.index}`);
    return local.commitClick(input);
  };
  return { ...rig, told };
}

const indices = ({ bench }: HostBench): number[] => clicksOf(bench).map(({ index }) => index);

describe('a click behind the next iteration', () => {
  it('leaves what commit 1 leaves: outcome, keys, seeds, clicks', async () => {
    const plain = benchOf();
    const expected = await plain.run(countingPlan({ max: 5 }));
    const { bench } = timeline(300);
    expect(await bench.run(plan({ max: 5 }), features)).toEqual(expected);
    expect(bench.calls.map(({ call }) => [call.key, call.seed])).toEqual(
      plain.calls.map(({ call }) => [call.key, call.seed]),
    );
    expect(clicksOf(bench)).toEqual(clicksOf(plain));
    expect(committedPaths(bench)).toEqual(committedPaths(plain));
  });

  it('is stored while that one runs; the last is waited for', async () => {
    const { bench, told, committed } = timeline(300);
    await bench.run(plan({ max: 3 }), features);
    expect(told).toEqual([
      'rl[0].work',
      ...['store rl[0]', 'rl[1].work', 'click 0'],
      ...['store rl[1]', 'rl[2].work', 'click 1'],
      ...['store rl[2]', 'click 2'],
    ]);
    expect(committed.map(({ isRead = false }) => isRead)).toEqual([true, true, false]);
    expect(bench.world.clock.now()).toBe(3_300);
  });

  it('is waited for before the iteration after that', async () => {
    const { bench, told } = timeline(5_000);
    await bench.run(plan({ max: 3 }), features);
    expect(told).toEqual([
      'rl[0].work',
      ...['store rl[0]', 'rl[1].work', 'click 0'],
      ...['store rl[1]', 'rl[2].work', 'click 1'],
      ...['store rl[2]', 'click 2'],
    ]);
    expect(bench.world.clock.now()).toBe(16_000);
  });

  it('with commit 2 it holds the metrics of both', async () => {
    const rig = timeline(300);
    await rig.bench.run(plan({ max: 5, commit: 2 }), features);
    expect(indices(rig)).toEqual([1, 3, 4]);
    expect(rig.told.slice(0, 5)).toEqual(['rl[0].work', 'rl[1].work', 'store rl[1]', 'rl[2].work', 'click 1']);
  });

  it('tells the tracker of its iteration, whose other steps nobody commits', async () => {
    const { bench } = timeline(300);
    const local = { ...bench.local };
    const earlier: unknown[] = [];
    bench.local.commitClick = async (input) => {
      earlier.push(input.click.earlier);
      return local.commitClick(input);
    };
    await bench.run(plan({ max: 3 }), features);
    expect(earlier).toEqual([[], [], []]);
  });

  it('a step is told that what the click stores can still be read', async () => {
    const { bench } = timeline(5_000);
    await bench.run(plan({ max: 3 }), features);
    const keys = bench.calls.map(({ call }) => call.key);
    expect(bench.calls.map(({ call }) => call.volatile?.carried)).toEqual([[], [keys[0]], [keys[1]]]);
  });

  it('where `until` holds, and before the loop continues as new, is waited for', async () => {
    const until = timeline(300);
    await until.bench.run(plan({ max: 9, until: expr('steps.work.metrics.value >= 2.0') }), features);
    expect(indices(until)).toEqual([0, 1, 2]);
    expect(until.told.at(-1)).toBe('click 2');
    const long = timeline(300, { continueAsNewAfter: 5 });
    await long.bench.run(plan({ max: 9 }), features);
    expect(long.bench.world.get('pipe/run/rl')?.executions()).toBeGreaterThan(2);
    expect(indices(long)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('a run that is submitted without results on hosts waits for each', async () => {
    const rig = timeline(300);
    await rig.bench.run(plan({ max: 2 }));
    expect(rig.told).toEqual(['rl[0].work', 'click 0', 'rl[1].work', 'click 1']);
  });
});

describe('what is lost', () => {
  it('before its click is stored takes the loop back to the one before', async () => {
    const expected = await benchOf().run(countingPlan({ max: 4 }));
    let lost = false;
    const rig = timeline(300, {
      onClick: (path, lose) => {
        if (path === 'rl[1]' && !lost) lose();
        lost ||= path === 'rl[1]';
      },
    });
    expect(await rig.bench.run(plan({ max: 4 }), features)).toEqual(expected);
    expect(rig.bench.paths()).toEqual([0, 1, 2, 1, 2, 3].map((index) => `rl[${index}].work`));
    expect(indices(rig)).toEqual([0, 1, 2, 3]);
  });

  it('when its click is stored costs the iteration that was under way', async () => {
    const expected = await benchOf().run(countingPlan({ max: 4 }));
    let lost = false;
    const rig = timeline(300, {
      onCall: (call, _, { lose }) => {
        if (call.path !== 'rl[2].work' || lost) return;
        lost = true;
        lose();
        failWith('volatile_lost', 'the host is gone');
      },
    });
    expect(await rig.bench.run(plan({ max: 4 }), features)).toEqual(expected);
    expect(rig.bench.paths()).toEqual([0, 1, 2, 2, 3].map((index) => `rl[${index}].work`));
  });

  it('again and again makes the loop commit each result', async () => {
    const rig = timeline(5_000, {
      onCall: (call, _, { lose }) => {
        if (call.volatile !== undefined && call.path === 'rl[1].work') lose();
      },
    });
    await rig.bench.run(plan({ max: 3 }), features);
    expect(rig.bench.paths()).toEqual([0, 1, 0, 1, 0, 1, 2].map((index) => `rl[${index}].work`));
    expect(rig.bench.calls.map(({ call }) => call.volatile === undefined).slice(4)).toEqual([true, false, false]);
    expect(indices(rig)).toEqual([0, 1, 2]);
  });
});

describe('a failure', () => {
  it('of the next iteration comes when the click is stored', async () => {
    const rig = timeline(5_000, {
      onCall: ({ path }) => (path === 'rl[2].work' ? failWith('oom', 'too big') : undefined),
    });
    expect((await failureOf(rig.bench.run(plan({ max: 4 }), features))).type).toBe('oom');
    expect(indices(rig)).toEqual([0, 1]);
  });

  it('of the click ends the loop when the next iteration has ended', async () => {
    const rig = timeline(300, {
      onClick: (path) => (path === 'rl[1]' ? failWith('store_unavailable', 'no answer') : undefined),
    });
    expect((await failureOf(rig.bench.run(plan({ max: 4 }), features))).type).toBe('store_unavailable');
    expect(rig.bench.paths().at(-1)).toBe('rl[2].work');
    expect(indices(rig)).toEqual([0]);
  });

  it('of an iteration hides that of the click', async () => {
    const rig = timeline(300, {
      onCall: ({ path }) => (path === 'rl[2].work' ? failWith('oom', 'too big') : undefined),
      onClick: (path) => (path === 'rl[1]' ? failWith('store_unavailable', 'no answer') : undefined),
    });
    expect((await failureOf(rig.bench.run(plan({ max: 4 }), features))).type).toBe('oom');
  });

  it('a cancelled run keeps the click that is being stored', async () => {
    const rig = timeline(5_000);
    const run = rig.bench.start(plan({ max: 9 }), features);
    await rig.bench.world.clock.advance(1_500);
    run.cancel();
    await rig.bench.world.finish(run).catch(() => undefined);
    expect(stepOf(run, 'rl').state).toBe('cancelled');
    expect(indices(rig)).toEqual([0]);
  });
});

describe('what another run has stored first', () => {
  it('stands: the loop goes on from there, and what it has made of its own does not count', async () => {
    const rig = timeline(300);
    const local = { ...rig.bench.local };
    rig.bench.local.commitClick = async (input) => {
      const stands = await local.commitClick(input);
      if (input.click.index !== 1) return stands;
      return { ...stands, carry: { at: { $artifact: { key: 'f'.repeat(64), output: 'out', type: 'folder' } } } };
    };
    rig.bench.store.results.set('f'.repeat(64), {
      ...{ outputs: {}, metrics: {}, seconds: 1, attempts: 1, resumedFrom: null, hostQueue: null },
    });
    const run = rig.bench.start(plan({ max: 4 }), features);
    await rig.bench.world.finish(run);
    expect(rig.bench.paths()).toEqual([0, 1, 2, 2, 3].map((index) => `rl[${index}].work`));
    expect(rig.bench.calls.map(({ call }) => call.volatile === undefined)).toEqual([false, false, false, true, false]);
    expect(rig.bench.calls[3]?.call.inputs['from']).toEqual({
      $artifact: { key: 'f'.repeat(64), output: 'out', type: 'folder' },
    });
    expect(statusOf(run).state).toBe('done');
  });

  it('counts as another one, too, when only a result is theirs', async () => {
    const again = timeline(300, {
      commitVolatile: async ({ keys, path }) => {
        const [key = ''] = keys;
        const made = { outputs: {}, metrics: {}, seconds: 1, attempts: 1, resumedFrom: null, hostQueue: null };
        again.bench.store.results.set(key, made);
        return { isOther: path === 'rl[1]' };
      },
    });
    await again.bench.run(plan({ max: 4 }), features);
    // Not with what the host holds of it.
    expect(again.bench.calls[3]?.call.volatile).toBe(undefined);
    expect(again.bench.paths()).toEqual([0, 1, 2, 2, 3].map((index) => `rl[${index}].work`));
  });
});

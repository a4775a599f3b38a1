// `commit: N`: results between two clicks stay with the host that made them; a click commits what it carries; what is lost
// takes the loop back to its last click; and what comes out is what comes out with `commit: 1`.
import { describe, expect, it } from 'vitest';
import type { LoopNode } from '../../schemas/generated/plan.js';
import { clicksOf, committedPaths, countingPlan as plan, features, hostBench } from './host-bench.js';
import { benchOf, expr, failureOf, failWith, loop, out, planOf, step } from './rig.js';

describe('between clicks', () => {
  it('nothing is committed, and a click commits what its carries name, as it would come out with commit 1', async () => {
    const plain = benchOf();
    const expected = await plain.run(plan({ max: 7 }));
    const { bench, queues } = hostBench();
    expect(await bench.run(plan({ max: 7, commit: 3 }), features)).toEqual(expected);
    expect(bench.calls.map(({ call }) => [call.key, call.seed])).toEqual(
      plain.calls.map(({ call }) => [call.key, call.seed]),
    );
    expect(committedPaths(bench)).toEqual(['rl[2].work', 'rl[5].work', 'rl[6].work']);
    expect(clicksOf(bench).map(({ carry }) => carry)).toEqual([2, 5, 6].map((index) => clicksOf(plain)[index]?.carry));
    expect(queues).toEqual(['pawl@h', 'pawl@h', 'pawl@h']);
  });

  it('steps go to the host that holds what they read', async () => {
    const { bench } = hostBench();
    await bench.run(plan({ max: 3, commit: 3 }), features);
    expect(bench.calls.map(({ queue }) => queue)).toEqual(['pawl', 'pawl@h', 'pawl@h']);
  });

  it('a step is told which results of earlier iterations can still be read', async () => {
    const { bench } = hostBench();
    await bench.run(plan({ max: 3, commit: 3 }), features);
    const [first, second] = bench.calls.map(({ call }) => call);
    expect(first?.volatile).toEqual({ loop: 'pipe/run/rl', iteration: 0, carried: [] });
    expect(second?.volatile).toEqual({ loop: 'pipe/run/rl', iteration: 1, carried: [first?.key] });
  });

  it('the metrics of every iteration are in the click that follows', async () => {
    const { bench } = hostBench();
    const told: unknown[] = [];
    const local = { ...bench.local };
    bench.local.commitClick = (input) => {
      told.push([input.click.index, input.click.earlier]);
      return local.commitClick(input);
    };
    await bench.run(plan({ max: 5, commit: 3 }), features);
    const at = (index: number) => ({ index, metrics: { work: { value: index } } });
    expect(told).toEqual([
      [2, [at(0), at(1)]],
      [4, [at(3)]],
    ]);
  });

  it('`until` ends the loop with a click', async () => {
    const { bench } = hostBench();
    await bench.run(plan({ max: 9, commit: 4, until: expr('steps.work.metrics.value >= 1.0') }), features);
    expect(clicksOf(bench).map(({ index }) => index)).toEqual([1]);
    expect(committedPaths(bench)).toEqual(['rl[1].work']);
  });

  it('a long history brings a click early, so that the loop can continue as new', async () => {
    const { bench } = hostBench({ continueAsNewAfter: 4 });
    await bench.run(plan({ max: 12, commit: 100 }), features);
    expect(bench.world.get('pipe/run/rl')?.executions()).toBeGreaterThan(2);
    expect(clicksOf(bench).map(({ index }) => index)).toEqual([3, 7, 11]);
  });

  it('a loop with a loop inside commits everything, for the inner one is given what is committed', async () => {
    const inner = loop({
      max: 2,
      carry: { at: { artifact: 'folder', type: 'folder', init: expr('carry.at'), next: out('work') } },
      steps: { work: step({ with: { value: expr('iter.index'), from: expr('carry.at') } }) },
    });
    const carry: LoopNode['carry'] = {
      at: { artifact: 'folder', type: 'folder', init: null, next: expr('steps.inner.outputs.at') },
    };
    const { bench } = hostBench();
    await bench.run(planOf({ outer: loop({ max: 3, commit: 3, carry, steps: { inner } }) }), features);
    expect(bench.calls.every(({ call }) => call.volatile === undefined)).toBe(true);
  });

  it('a run that was submitted before there was such a thing commits everything', async () => {
    const { bench } = hostBench();
    await bench.run(plan({ max: 3, commit: 3 }));
    expect(committedPaths(bench)).toHaveLength(3);
  });
});

describe('a host that is lost', () => {
  it('takes the loop back to its last click; the outcome, keys and seeds are those of an undisturbed run', async () => {
    const plain = benchOf();
    const expected = await plain.run(plan({ max: 6 }));
    let lost = false;
    const { bench } = hostBench({
      onCall: (call, _, host) => {
        if (call.path === 'rl[4].work' && !lost) host.lose();
        lost ||= call.path === 'rl[4].work';
      },
    });
    expect(await bench.run(plan({ max: 6, commit: 3 }), features)).toEqual(expected);
    expect(bench.paths()).toEqual([0, 1, 2, 3, 4, 3, 4, 5].map((index) => `rl[${index}].work`));
    expect(new Set(bench.calls.map(({ call }) => call.key)).size).toBe(6);
    expect(clicksOf(bench).at(-1)).toEqual(clicksOf(plain).at(-1));
  });

  it('while a click is being committed, too', async () => {
    let lost = false;
    const { bench } = hostBench({
      onClick: (_path, lose) => {
        if (!lost) lose();
        lost = true;
      },
    });
    await bench.run(plan({ max: 3, commit: 3 }), features);
    expect(bench.paths()).toEqual([0, 1, 2, 0, 1, 2].map((index) => `rl[${index}].work`));
    expect(clicksOf(bench).map(({ index }) => index)).toEqual([2]);
  });

  it('again and again makes the loop commit each result, so that it gets on', async () => {
    const { bench } = hostBench({
      onCall: (call, _, host) => {
        if (call.volatile !== undefined && call.path === 'rl[1].work') host.lose();
      },
    });
    await bench.run(plan({ max: 2, commit: 2 }), features);
    expect(bench.paths()).toEqual([0, 1, 0, 1, 0, 1].map((index) => `rl[${index}].work`));
    expect(bench.calls.slice(-2).every(({ call }) => call.volatile === undefined)).toBe(true);
  });

  it('is no failure of a step with fail-fast', async () => {
    let lost = false;
    const { bench } = hostBench({
      onCall: (call, _, host) => {
        if (call.path !== 'rl[1].work' || lost) return;
        lost = true;
        host.lose();
      },
    });
    const steps = { work: step({ failFast: true, with: { value: expr('iter.index'), from: expr('carry.at') } }) };
    await bench.run(plan({ max: 3, commit: 3, steps }), features);
    expect(clicksOf(bench).map(({ index }) => index)).toEqual([2]);
  });

  it('does not hide a failure beside it', async () => {
    const { bench } = hostBench({
      onCall: (call) => {
        if (call.path === 'rl[1].work') failWith('oom', 'too big');
      },
    });
    expect((await failureOf(bench.run(plan({ max: 3, commit: 3 }), features))).type).toBe('oom');
  });
});

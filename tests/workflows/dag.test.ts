// The graph of steps: order, parallelism, if and else, and what happens after a failure.
import { describe, expect, it } from 'vitest';
import {
  benchOf,
  expr,
  failWith,
  failureOf,
  outcomeOf,
  planOf,
  statusOf,
  step,
  stepOf,
  out,
  takesASecond,
} from './rig.js';

describe('order', () => {
  it('runs a step as soon as all it depends on has ended, in parallel with the others', async () => {
    const bench = benchOf();
    const plan = planOf({
      a: step({ with: { value: 1 } }),
      b: step({ with: { value: 2 } }),
      c: step({ with: { from: out('a'), and: out('b') }, deps: ['a', 'b'] }),
      d: step({ with: { from: out('a') }, deps: ['a'] }),
    });
    await bench.run(plan);
    expect(bench.calls.map(({ path, at }) => [path, at])).toEqual([
      ['a', 0],
      ['b', 0],
      ['d', 1000],
      ['c', 1000],
    ]);
  });

  it('gives outputs and metrics of the plan', async () => {
    const plan = planOf(
      { a: step({ with: { value: 3 } }) },
      { outputs: { model: out('a') }, metrics: { twice: expr('steps.a.metrics.value * 2') } },
    );
    const result = await benchOf().run(plan);
    expect(result).toMatchObject({ outputs: { model: { $artifact: { output: 'out' } } }, metrics: { twice: 6 } });
  });

  it('takes committed results without running anything', async () => {
    const first = benchOf();
    const plan = planOf({ a: step(), b: step({ with: { from: out('a') }, deps: ['a'] }) });
    await first.run(plan);
    const second = benchOf(takesASecond, { store: first.store });
    const run = second.start(plan);
    await second.world.finish(run);
    expect(second.paths()).toEqual([]);
    expect(stepOf(run, 'b')).toEqual({ state: 'cached', reason: 'committed' });
  });
});

describe('if and else', () => {
  it('skips a step whose condition does not hold, and what reads it, with the reason', async () => {
    const bench = benchOf();
    const run = bench.start(
      planOf({
        a: step({ if: expr('1 > 2') }),
        b: step({ with: { from: out('a') }, deps: ['a'] }),
        c: step({ with: { from: out('b') }, deps: ['b'] }),
        d: step({ deps: ['a'] }),
      }),
    );
    await bench.world.finish(run);
    expect(bench.paths()).toEqual(['d']);
    expect(stepOf(run, 'a')).toEqual({ state: 'skipped', reason: '`1 > 2` does not hold' });
    expect(stepOf(run, 'b').reason).toBe('`a` was skipped: `1 > 2` does not hold');
    expect(stepOf(run, 'c').state).toBe('skipped');
  });

  it('takes the outputs of else for a skipped step', async () => {
    const bench = benchOf();
    const plan = planOf({
      a: step(),
      b: step({ if: expr('false'), else: { out: out('a') }, deps: ['a'] }),
      c: step({ with: { from: out('b') }, deps: ['b'] }),
    });
    await bench.run(plan);
    expect(bench.paths()).toEqual(['a', 'c']);
    expect(bench.calls[1]?.call.inputs['from']).toEqual({
      $artifact: { key: bench.calls[0]?.call.key, output: 'out', type: 'folder' },
    });
  });
});

describe('failure', () => {
  const boom = benchOf.bind(null, async (call, host) => {
    if (call.path === 'bad') failWith('oom', 'too big');
    await host.sleep(1_000);
    return outcomeOf(call);
  });

  it('lets siblings finish, starts nothing that depends on it, and goes on with independent branches', async () => {
    const bench = boom();
    const run = bench.start(
      planOf({
        bad: step(),
        after: step({ with: { from: out('bad') }, deps: ['bad'] }),
        sibling: step({ with: { value: 2 } }),
        branch: step({ with: { from: out('sibling') }, deps: ['sibling'] }),
      }),
    );
    const failure = await failureOf(bench.world.finish(run));
    expect(bench.paths()).toEqual(['bad', 'sibling', 'branch']);
    expect(stepOf(run, 'after')).toEqual({ state: 'skipped', reason: 'not started because `bad` failed' });
    expect(stepOf(run, 'branch').state).toBe('done');
    expect(failure).toMatchObject({ type: 'oom', message: 'bad: too big [oom]' });
    expect(bench.store.records.at(-1)).toMatchObject({
      final: true,
      record: { state: 'failed', failures: [{ path: 'bad', class: 'oom' }] },
    });
  });

  it('lists every failure in one', async () => {
    const bench = benchOf((call) => failWith(call.path === 'a' ? 'data' : 'config', `no ${call.path}`));
    const failure = await failureOf(
      bench.run(planOf({ a: step({ with: { value: 1 } }), b: step({ with: { value: 2 } }) })),
    );
    expect(failure.type).toBe('data');
    expect(failure.message).toBe('2 steps failed:\na: no a [data]\nb: no b [config]');
    expect(failure.details?.[0]).toMatchObject([{ path: 'a' }, { path: 'b' }]);
  });

  it('with fail-fast stops what runs', async () => {
    const bench = boom();
    const run = bench.start(planOf({ bad: step({ failFast: true }), slow: step({ with: { value: 2 } }) }));
    const failure = await failureOf(bench.world.finish(run));
    expect(failure.type).toBe('oom');
    expect(stepOf(run, 'slow')).toEqual({ state: 'cancelled', reason: 'stopped because `bad` failed' });
    expect(bench.world.clock.now()).toBeLessThan(1000);
  });

  it('tries again what may be tried again', async () => {
    const bench = benchOf((call, host) => (host.attempt < 3 ? failWith('preempted', 'gone', false) : outcomeOf(call)));
    await bench.run(planOf({ a: step({ retry: { attempts: 3, backoffMs: 10, maxBackoffMs: 10, for: null } }) }));
    expect(bench.paths()).toEqual(['a', 'a', 'a']);
  });

  it('says which expression could not be evaluated', async () => {
    const failure = await failureOf(benchOf().run(planOf({ a: step({ with: { value: expr('params.none + 1') } }) })));
    expect(failure.type).toBe('expression');
    expect(failure.message).toContain('a: `params.none + 1`: ');
  });

  it('turns a mistake of its own into a failure, never into a plain error', async () => {
    const failure = await failureOf(benchOf().run(planOf({ a: { node: 'step' } as never })));
    expect(failure.type).toBe('internal');
  });
});

describe('placement', () => {
  it('sends a step to the first trainer that satisfies its resources', async () => {
    const bench = benchOf();
    await bench.run(
      planOf({
        cpu: step({ uses: 'test.train', with: { value: 1 } }),
        gpu: step({ uses: 'test.train', with: { value: 2 }, resources: { gpus: 2, labels: ['h200'] } }),
        worker: step({ with: { value: 3 } }),
      }),
    );
    expect(Object.fromEntries(bench.calls.map(({ path, queue }) => [path, queue]))).toEqual({
      cpu: 'small',
      gpu: 'big',
      worker: 'pawl',
    });
  });

  it('says what is offered when no trainer satisfies them', async () => {
    const plan = planOf({ a: step({ uses: 'test.train', resources: { gpus: 1, labels: ['a100'] } }) });
    const failure = await failureOf(benchOf().run(plan));
    expect(failure.type).toBe('config');
    expect(failure.message).toContain('no trainer offers 1 GPU, a100; there are small (0 GPUs), big (8 GPUs, h200)');
  });
});

describe('held', () => {
  it('waits on a timer while another run makes the result, and then asks again', async () => {
    const bench = benchOf();
    bench.store.held.set('a', 2);
    const run = bench.start(planOf({ a: step() }));
    await bench.world.clock.advance(6_000);
    expect(stepOf(run, 'a')).toEqual({ state: 'waiting', reason: 'another run makes it' });
    await bench.world.finish(run);
    expect(bench.calls.map(({ path, at }) => [path, at])).toEqual([['a', 10_000]]);
  });
});

describe('the status', () => {
  it('shows the time, the attempts and the metrics of each step', async () => {
    const bench = benchOf();
    const run = bench.start(planOf({ a: step({ with: { value: 4 } }) }));
    await bench.world.clock.advance(500);
    expect(statusOf(run)).toMatchObject({
      state: 'running',
      pipeline: 'pipe',
      steps: [{ path: 'a', state: 'running', startedAt: 0 }],
    });
    await bench.world.finish(run);
    expect(statusOf(run)).toMatchObject({
      state: 'done',
      endedAt: 1000,
      steps: [
        { path: 'a', kind: 'test.work', state: 'done', seconds: 1, attempts: 1, metrics: { value: 4 }, endedAt: 1000 },
      ],
    });
    expect(run.shown()).toContain('| a | test.work | done: never made | 1.0 | value 4 |');
    expect(run.attributes()).toMatchObject({ pipeline: 'pipe', gitSha: 'abc' });
  });
});

// Control from outside: pause, unpause, approve, reject, cancel.
import { CancelledFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import { benchOf, countingLoop, expr, failureOf, gate, outcomeOf, planOf, statusOf, step, stepOf, out } from './rig.js';
import type { Bench } from './rig.js';

const chain = planOf({ a: step(), b: step({ with: { from: out('a') }, deps: ['a'] }) });

describe('pause', () => {
  it('lets running steps finish and starts no new one until unpaused', async () => {
    const bench = benchOf();
    const run = bench.start(chain);
    await bench.world.clock.advance(500);
    run.update('pause', { now: false, by: 'ann' });
    await bench.world.clock.advance(60_000);
    expect(bench.paths()).toEqual(['a']);
    expect(stepOf(run, 'a').state).toBe('done');
    expect(stepOf(run, 'b')).toEqual({ state: 'waiting', reason: 'the run is paused' });
    expect(statusOf(run)).toMatchObject({ state: 'paused', paused: { since: 500, by: 'ann', now: false } });
    run.update('unpause', null);
    await bench.world.finish(run);
    expect(bench.paths()).toEqual(['a', 'b']);
    expect(statusOf(run).paused).toBeNull();
  });

  it('with now also stops what runs, which resumes when unpaused', async () => {
    const bench = benchOf();
    const run = bench.start(chain);
    await bench.world.clock.advance(500);
    run.update('pause', { now: true });
    await bench.world.clock.advance(100);
    expect(stepOf(run, 'a')).toEqual({ state: 'waiting', reason: 'the run is paused' });
    run.update('unpause', null);
    await bench.world.finish(run);
    expect(bench.calls.map(({ path, at }) => [path, at])).toEqual([
      ['a', 0],
      ['a', 600],
      ['b', 1600],
    ]);
  });

  it('reaches the loops, and so does unpause', async () => {
    const bench = benchOf();
    const run = bench.start(planOf({ rl: countingLoop({ max: 3 }) }));
    await bench.world.clock.advance(500);
    run.update('pause', { now: false });
    await bench.world.clock.advance(60_000);
    expect(bench.paths()).toEqual(['rl[0].work']);
    expect(statusOf(bench.world.get('pipe/run/rl')).state).toBe('paused');
    run.update('unpause', null);
    await bench.world.finish(run);
    expect(bench.paths()).toHaveLength(3);
  });

  it('is refused where it makes no sense', async () => {
    const bench = benchOf();
    const run = bench.start(chain);
    await bench.world.clock.advance(10);
    expect(() => run.update('unpause', null)).toThrow('the run is not paused');
    expect(() => run.update('pause', {})).toThrow('pause takes {now: true | false}');
    run.update('pause', { now: false });
    expect(() => run.update('pause', { now: false })).toThrow('the run is paused already');
    run.update('pause', { now: true });
    run.update('unpause', null);
    await bench.world.finish(run);
    expect(() => run.update('pause', { now: false })).toThrow('the run has ended');
  });
});

describe('a gate', () => {
  const approve = { timeoutMs: 10_000, onTimeout: 'reject' as const };
  const guarded = (given: Parameters<typeof gate>[1] = {}) =>
    planOf({
      a: step({ with: { value: 3 } }),
      ok: gate(['steps.a.metrics.value >= 2.0'], { deps: ['a'], ...given }),
      b: step({ deps: ['ok'] }),
    });
  const waitingGate = async (bench: Bench, given: Parameters<typeof gate>[1]) => {
    const run = bench.start(guarded(given));
    await bench.world.clock.advance(2_000);
    return run;
  };

  it('lets pass what its assertions allow', async () => {
    const bench = benchOf();
    const run = bench.start(guarded());
    await bench.world.finish(run);
    expect(bench.paths()).toEqual(['a', 'b']);
    expect(stepOf(run, 'ok')).toEqual({ state: 'done', reason: 'every assertion holds' });
  });

  it('fails with the values that speak against it, and holds back what depends on it', async () => {
    const bench = benchOf();
    const plan = planOf({
      a: step({ with: { value: 0.21 } }),
      ok: gate(['steps.a.metrics.value >= params.least'], { deps: ['a'] }),
      b: step({ deps: ['ok'] }),
    });
    const failure = await failureOf(bench.run({ ...plan, params: { least: 0.3 } }));
    expect(failure.type).toBe('gate');
    expect(failure.message).toBe(
      'ok: `steps.a.metrics.value >= params.least` does not hold (steps.a.metrics.value = 0.21, params.least = 0.3) [gate]',
    );
    expect(bench.paths()).toEqual(['a']);
    expect(bench.store.records.at(-1)?.record).toMatchObject({ state: 'gate_failed', failures: [] });
  });

  it('waits for approval, and records who gave it and why', async () => {
    const bench = benchOf();
    const run = await waitingGate(bench, { approve });
    expect(statusOf(run).approvals).toEqual([{ path: 'ok', since: 1000, timeoutAt: 11_000, onTimeout: 'reject' }]);
    expect(run.update('approve', { by: 'ann', note: 'looked at the report' })).toEqual({ path: 'ok' });
    await bench.world.finish(run);
    expect(stepOf(run, 'ok').reason).toBe('approved by ann: looked at the report');
    expect(statusOf(run).approvals).toEqual([]);
  });

  it('fails when it is rejected', async () => {
    const bench = benchOf();
    const run = await waitingGate(bench, { approve });
    run.update('reject', { by: 'bob', note: '' });
    expect((await failureOf(bench.world.finish(run))).message).toBe('ok: rejected by bob [gate]');
  });

  it('does on time-out what it says', async () => {
    const rejected = await failureOf(benchOf().run(guarded({ approve })));
    expect(rejected.message).toContain('nobody decided within 10 s, which counts as rejected');
    await benchOf().run(guarded({ approve: { timeoutMs: 10_000, onTimeout: 'approve' } }));
  });

  it('refuses decisions that fit nothing', async () => {
    const bench = benchOf();
    const run = bench.start(
      planOf({
        one: gate([], { approve: { timeoutMs: 1e6, onTimeout: 'reject' } }),
        two: gate([], { approve: { timeoutMs: 1e6, onTimeout: 'reject' } }),
        rl: countingLoop(),
      }),
    );
    await bench.world.clock.advance(100);
    expect(() => run.update('approve', { by: 'ann', note: '' })).toThrow(
      'several steps wait for approval: name one of one, two',
    );
    expect(() => run.update('approve', { by: '', note: '' })).toThrow('a decision takes {by, note}');
    expect(() => run.update('approve', { by: 'ann', note: '', path: 'rl' })).toThrow(
      '`rl` does not wait for approval; one, two do',
    );
    run.update('approve', { by: 'ann', note: '', path: 'one' });
    run.update('approve', { by: 'ann', note: '' });
    expect(() => run.update('approve', { by: 'ann', note: '' })).toThrow('no step of this run waits for approval');
    await bench.world.finish(run);
  });
});

describe('cancellation', () => {
  it('waits for running steps, records the run as cancelled, and ends as cancelled', async () => {
    let checkpointed = 0;
    const bench = benchOf(async (call, host) => {
      try {
        await host.sleep(60_000);
      } catch (error) {
        checkpointed += 1;
        throw error;
      }
      return outcomeOf(call);
    });
    const run = bench.start(chain);
    await bench.world.clock.advance(500);
    run.cancel();
    await expect(bench.world.finish(run)).rejects.toBeInstanceOf(CancelledFailure);
    expect(checkpointed).toBe(1);
    expect(stepOf(run, 'a')).toEqual({ state: 'cancelled', reason: 'the run was cancelled' });
    expect(stepOf(run, 'b').state).toBe('cancelled');
    expect(bench.store.records.at(-1)).toMatchObject({ final: true, record: { state: 'cancelled' } });
  });

  it('keeps the result of a step that ended while it was asked to stop', async () => {
    const bench = benchOf(async (call, host) => {
      await host.sleep(1_000).catch(() => undefined);
      return outcomeOf(call);
    });
    const run = bench.start(chain);
    await bench.world.clock.advance(500);
    run.cancel();
    await expect(bench.world.finish(run)).rejects.toBeInstanceOf(CancelledFailure);
    expect(stepOf(run, 'a').state).toBe('done');
  });

  it('reaches loops, paused runs and gates that wait', async () => {
    const bench = benchOf();
    const approval = gate([], { approve: { timeoutMs: 1e9, onTimeout: 'reject' } });
    const run = bench.start(
      planOf({ rl: countingLoop({ max: 9 }), wait: approval, held: step({ with: { value: 1 }, deps: ['wait'] }) }),
    );
    await bench.world.clock.advance(500);
    run.update('pause', { now: true });
    await bench.world.clock.advance(500);
    run.cancel();
    await expect(bench.world.finish(run)).rejects.toBeInstanceOf(CancelledFailure);
    expect(statusOf(bench.world.get('pipe/run/rl')).steps[0]?.state).toBe('cancelled');
    expect(stepOf(run, 'rl').state).toBe('cancelled');
    expect(statusOf(run).state).toBe('cancelled');
  });
});

describe('expressions in conditions', () => {
  it('must be true or false', async () => {
    const failure = await failureOf(benchOf().run(planOf({ ok: gate([]), a: step({ if: expr('1 + 1') }) })));
    expect(failure.message).toBe('a: `1 + 1`: a condition must be true or false, and this is 2 [expression]');
  });
});

// A step that runs as several side by side, on the interpreter's port.
import { describe, expect, it } from 'vitest';
import { withKeys } from '../../activities/derivation.js';
import type { StepCall } from '../../activities/calls.js';
import type { RootInput } from '../../workflows/interpreter.js';
import { benchOf, failureOf, failWith, loop, expr, out, outcomeOf, planOf, statusOf, step, stepOf } from './rig.js';
import { splitKinds } from './recorded-plans.js';

const on: Partial<RootInput> = { features: { searchAttributes: false, shards: true } };
const split = (given: Parameters<typeof step>[0] = {}) =>
  step({ with: { value: 5 }, shards: { count: 3, kind: 'test.part' }, ...given });
const plan = planOf({ big: split(), last: step({ with: { from: out('big') }, deps: ['big'] }) }, { kinds: splitKinds });

const shardPaths = ['big[1/3]', 'big[2/3]', 'big[3/3]'];

describe('a step with shards', () => {
  it('runs them side by side, then puts together what they made', async () => {
    const world = benchOf();
    const run = world.start(plan, on);
    await world.world.finish(run);
    expect(world.calls.map(({ path, at }) => [path, at])).toEqual([
      ...shardPaths.map((path) => [path, 0]),
      ['big', 1000],
      ['last', 2000],
    ]);
    const call = (path: string): StepCall | undefined => world.calls.find((one) => one.path === path)?.call;
    expect(call('big[2/3]')).toMatchObject({ uses: 'test.part', inputs: { value: 5, shard: 2, shards: 3 } });
    expect(call('big')?.shards?.map((made) => made['out'])).toEqual(
      shardPaths.map((path) => ({ $artifact: { key: call(path)?.key, output: 'out', type: 'folder' } })),
    );
    expect(statusOf(run).steps.map(({ path, state }) => [path, state])).toEqual(
      ['big', ...shardPaths, 'last'].map((path) => [path, 'done']),
    );
  });

  it('has the key of the same step without, and finds its result', async () => {
    const world = benchOf();
    await world.run(planOf({ big: split({ shards: undefined } as never) }, { kinds: splitKinds }), on);
    const run = world.start(planOf({ big: split() }, { kinds: splitKinds }), on);
    await world.world.finish(run);
    expect([world.paths(), stepOf(run, 'big').state]).toEqual([['big'], 'cached']);
  });

  it.each([
    [false, null],
    [true, 40],
  ])('goes on from a checkpoint of its own where its kind says so: %s', async (resumes, resumedFrom) => {
    const world = benchOf();
    world.store.checkpoints.set('big', 40);
    const shards = { count: 3, kind: 'test.part', ...(resumes ? { resumes: true as const } : {}) };
    const run = world.start(planOf({ big: split({ shards }) }, { kinds: splitKinds }), on);
    await world.world.clock.runUntil(() => world.calls.length === 4);
    expect(statusOf(run).steps[0]).toMatchObject({ path: 'big', state: 'running', resumedFrom });
    await world.world.finish(run);
  });

  it('runs as one where the run does not ask for shards', async () => {
    const world = benchOf();
    await world.run(plan);
    expect(world.paths()).toEqual(['big', 'last']);
  });

  it('takes the shards that are there from the store after one has failed, and names the one', async () => {
    let isBroken = true;
    const world = benchOf((call) => {
      if (call.path === 'big[2/3]' && isBroken) failWith('oom', 'out of memory');
      return outcomeOf(call);
    });
    const error = await failureOf(world.run(plan, on));
    expect([error.type, error.message]).toEqual(['oom', 'big[2/3]: out of memory [oom]']);
    const first = world.world.get('pipe/run');
    expect([stepOf(first, 'big'), stepOf(first, 'big[3/3]').state, stepOf(first, 'last')]).toEqual([
      { state: 'failed', reason: 'out of memory' },
      'done',
      { state: 'skipped', reason: 'not started because `big` failed' },
    ]);
    isBroken = false;
    world.calls.length = 0;
    const again = world.start(plan, on);
    await world.world.finish(again);
    expect([world.paths(), stepOf(again, 'big[1/3]').state]).toEqual([['big[2/3]', 'big', 'last'], 'cached']);
  });

  it('lets the others finish after a failure, and stops them with `fail-fast`', async () => {
    const ends = async (failFast: boolean): Promise<(string | undefined)[]> => {
      const world = benchOf(async (call, host) => {
        if (call.path === 'big[1/3]') failWith('data', 'no rows');
        await host.sleep(60_000);
        return outcomeOf(call);
      });
      const run = world.start(planOf({ big: split({ failFast }) }, { kinds: splitKinds }), on);
      await failureOf(world.world.finish(run));
      return shardPaths.map((path) => stepOf(run, path).state);
    };
    expect(await ends(false)).toEqual(['failed', 'done', 'done']);
    expect(await ends(true)).toEqual(['failed', 'cancelled', 'cancelled']);
  });

  it('is cancelled with all its shards, and starts nothing after', async () => {
    const world = benchOf(async (call, host) => {
      await host.sleep(60_000);
      return outcomeOf(call);
    });
    const run = world.start(plan, on);
    await world.world.clock.runUntil(() => world.calls.length === 3);
    run.cancel();
    await expect(world.world.finish(run)).rejects.toThrow('cancelled');
    expect([world.paths(), stepOf(run, 'big[3/3]').state]).toEqual([shardPaths, 'cancelled']);
  });

  it('frees its slots when it is paused now, and goes on with the shards that had not ended', async () => {
    const world = benchOf(async (call, host) => {
      await host.sleep(call.path === 'big[1/3]' ? 1_000 : 60_000);
      return outcomeOf(call);
    });
    const run = world.start(plan, on);
    await world.world.clock.runUntil(() => stepOf(run, 'big').reason === '1 of 3 shards are done');
    run.update('pause', { now: true });
    await world.world.clock.runUntil(() => stepOf(run, 'big[3/3]').state === 'waiting');
    run.update('unpause', {});
    await world.world.finish(run);
    expect(world.paths()).toEqual([...shardPaths, 'big[2/3]', 'big[3/3]', 'big', 'last']);
  });

  it('goes on in the next execution with the shards that had not started', async () => {
    const world = benchOf(undefined, { continueAsNewAfter: 3 });
    const steps = { first: step(), big: split({ deps: ['first'] }) };
    await world.run(planOf(steps, { kinds: splitKinds }), on);
    expect(world.paths()).toEqual(['first', ...shardPaths, 'big']);
  });

  it.each([3, 4, 5, 6])(
    'takes none of its own shards for a gift of the cache, with %i events an execution',
    async (continueAsNewAfter) => {
      const world = benchOf((call) => outcomeOf(call, { seconds: 100 }), { continueAsNewAfter });
      const run = world.start(planOf({ first: step(), big: split({ deps: ['first'] }) }, { kinds: splitKinds }), on);
      await world.world.finish(run);
      const record = world.store.records.at(-1)?.record;
      expect(record).not.toHaveProperty('saved');
      expect(record?.steps.map(({ path, state }) => [path, state])).toEqual(expect.arrayContaining([['big', 'done']]));
    },
  );

  it('in a loop has its shards in each iteration, each under a key of its own', async () => {
    const world = benchOf(undefined, { keyOf: withKeys });
    const carry = { at: { artifact: 'folder', type: 'folder', init: null, next: out('big') } } as const;
    const big = split({ with: { value: expr('iter.index'), from: expr('carry.at') } });
    const features = { features: { searchAttributes: false, shards: true, freshSteps: true } };
    await world.run(planOf({ rl: loop({ max: 2, carry, steps: { big } }) }, { kinds: splitKinds }), features);
    expect(world.paths()).toEqual([0, 1].flatMap((i) => [...shardPaths, 'big'].map((path) => `rl[${i}].${path}`)));
    expect(new Set(world.calls.map(({ call }) => call.key)).size).toBe(8);
  });

  it('runs as one between two clicks of a loop, where results stay with one worker', async () => {
    const world = benchOf((call) => outcomeOf(call));
    const carry = { at: { artifact: 'folder', type: 'folder', init: null, next: out('big') } } as const;
    const inner = loop({ max: 2, commit: 2, carry, steps: { big: split({ with: { value: expr('iter.index') } }) } });
    const features = { features: { searchAttributes: false, shards: true, volatile: true } };
    await world.run(planOf({ rl: inner }, { kinds: splitKinds }), features);
    expect(world.paths()).toEqual(['rl[0].big', 'rl[1].big']);
  });

  it('waits for the run that works at one of them', async () => {
    const world = benchOf();
    world.store.held.set('big[2/3]', 1);
    const run = world.start(plan, on);
    await world.world.finish(run);
    expect(world.calls.map(({ path, at }) => [path, at]).slice(2, 4)).toEqual([
      ['big[2/3]', 5000],
      ['big', 6000],
    ]);
  });
});

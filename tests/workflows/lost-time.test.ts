// The ledger on its way from the activities to the run record: through outcomes, failures, loops and continue-as-new.
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import * as validators from '../../schemas/generated/validators.js';
import type { InProcessStep } from '../../workflows/in-process-steps.js';
import { benchOf, countingLoop, failureOf, out, outcomeOf, planOf, statusOf, step, takesASecond } from './rig.js';

const lost = { worker_lost: { recomputed: 2, waiting: 11 } };
const loses: InProcessStep = (call) => outcomeOf(call, { lost });
const times = (count: number) => ({ worker_lost: { recomputed: 2 * count, waiting: 11 * count } });
const chain = (count: number) =>
  planOf(
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => {
        const from = index === 0 ? {} : { from: out(`s${index - 1}`) };
        return [`s${index}`, step({ with: { value: index, ...from }, deps: index === 0 ? [] : [`s${index - 1}`] })];
      }),
    ),
  );

describe('the run record', () => {
  it('says what the attempts of its steps have lost, and nothing where nothing was', async () => {
    const bench = benchOf((call) => (call.path === 's1' ? outcomeOf(call) : loses(call, undefined as never)));
    const run = bench.start(chain(3));
    await bench.world.finish(run);
    const record = bench.store.records.at(-1)?.record;
    expect(record?.lost).toEqual(times(2));
    expect(record?.saved).toBe(undefined);
    expect(validators.records({ run: record })).toBe(true);
    expect(statusOf(run).lost).toEqual(times(2));
    const quiet = benchOf(takesASecond);
    const other = quiet.start(chain(2));
    await quiet.world.finish(other);
    expect(quiet.store.records.at(-1)?.record.lost).toEqual({});
    expect(statusOf(other)).not.toHaveProperty('lost');
  });

  it('says what a step lost that failed for good', async () => {
    const bench = benchOf(() => {
      const details = [{ path: 's0', attempts: 3, lost }];
      throw ApplicationFailure.create({ type: 'comm', message: 'gone', nonRetryable: true, details });
    });
    await failureOf(bench.run(chain(1)));
    expect(bench.store.records.at(-1)?.record).toMatchObject({ state: 'failed', lost });
  });

  it('adds what loops lost, also over continue-as-new and in one that fails', async () => {
    const bench = benchOf(loses, { continueAsNewAfter: 2 });
    await bench.run(planOf({ rl: countingLoop({ max: 5 }) }));
    expect(bench.world.get('pipe/run/rl')?.executions()).toBeGreaterThan(1);
    expect(bench.store.records.at(-1)?.record.lost).toEqual(times(5));
    const failing = benchOf((call, host) => {
      if (call.path === 'rl[2].work')
        throw ApplicationFailure.create({ type: 'data', message: 'torn', nonRetryable: true });
      return loses(call, host);
    });
    const failure = await failureOf(failing.run(planOf({ rl: countingLoop({ max: 5 }) })));
    expect(failure.message).toBe('rl[2].work: torn [data]');
    expect(failing.store.records.at(-1)?.record.lost).toEqual(times(2));
  });

  it('says what a loop computed again after uncommitted results were lost', async () => {
    let losses = 1;
    const bench = benchOf(async (call, host) => {
      await host.sleep(1_000);
      if (call.path === 'rl[3].work' && losses-- > 0)
        throw ApplicationFailure.create({ type: 'volatile_lost', message: 'gone', nonRetryable: true });
      return outcomeOf(call);
    });
    bench.store.results.set = () => bench.store.results;
    await bench.run(planOf({ rl: countingLoop({ max: 4, commit: 2 }) }));
    expect(bench.paths()).toHaveLength(6);
    expect(bench.store.records.at(-1)?.record.lost).toEqual({ volatile_lost: { recomputed: 2, waiting: 0 } });
  });

  it('adds what the executions of a long root lost', async () => {
    const bench = benchOf(loses, { continueAsNewAfter: 3 });
    const run = bench.start(chain(8));
    await bench.world.finish(run);
    expect(run.executions()).toBeGreaterThan(1);
    expect(bench.store.records.at(-1)?.record.lost).toEqual(times(8));
    expect(bench.store.records.at(-1)?.record).not.toHaveProperty('saved'); // its own results are no gift of the cache
  });

  it('says how long what came from the cache had taken', async () => {
    const bench = benchOf((call) => outcomeOf(call, { seconds: 90 }));
    await bench.run(chain(2));
    expect(bench.store.records.at(-1)?.record).not.toHaveProperty('saved');
    await bench.run(chain(3));
    expect(bench.store.records.at(-1)?.record).toMatchObject({ saved: 180, lost: {} });
  });

  it('says how long another run was waited for', async () => {
    const bench = benchOf();
    bench.store.held.set('s0', 2);
    await bench.run(chain(1));
    expect(bench.store.records.at(-1)?.record.lost).toEqual({ claim: { recomputed: 0, waiting: 10 } });
  });
});

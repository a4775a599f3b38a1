import { describe, expect, it } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import { benchOf, emptyStore, failWith, gate, localOn, planOf, statusOf, step } from './rig.js';

const all: NonNullable<Plan['notify']> = { on: ['cancelled', 'failed', 'succeeded', 'waiting'], webhook: 'TEAM_URL' };
const plan = planOf({ a: step() }, { notify: all, metrics: { value: { $expr: 'steps.a.metrics.value' } } });

describe('notify', () => {
  it('tells the end of a run before its record is final', async () => {
    const bench = benchOf();
    await bench.run(plan, { mlflow: 'http://mlflow' });
    expect(bench.store.told).toMatchObject([
      {
        run: { workflowId: 'pipe/run' },
        webhook: 'TEAM_URL',
        state: 'succeeded',
        message: 'the run has succeeded: value 1',
        path: null,
        mlflow: 'http://mlflow',
      },
    ]);
  });

  it('tells what failed', async () => {
    const bench = benchOf(() => failWith('data', 'no rows'));
    await expect(bench.run(plan)).rejects.toThrow('no rows');
    expect(bench.store.told.map(({ state, message }) => [state, message])).toEqual([['failed', 'a: no rows [data]']]);
  });

  it('tells that a run was cancelled', async () => {
    const bench = benchOf();
    const run = bench.start(plan);
    await bench.world.clock.advance(500);
    run.cancel();
    await expect(bench.world.finish(run)).rejects.toThrow();
    expect(bench.store.told.map(({ state }) => state)).toEqual(['cancelled']);
  });

  it('tells once that a gate waits, and then the end', async () => {
    const bench = benchOf();
    const waits = gate([], { approve: { timeoutMs: 60_000, onTimeout: 'reject' } });
    const run = bench.start(planOf({ person: waits }, { notify: all }));
    await bench.world.clock.advance(1_000);
    expect(bench.store.told.map(({ state, path }) => [state, path])).toEqual([['waiting', 'person']]);
    run.update('approve', { by: 'me', note: '' });
    await bench.world.finish(run);
    expect(bench.store.told.map(({ state }) => state)).toEqual(['waiting', 'succeeded']);
  });

  it('tells only what is asked for, and nothing without `notify`', async () => {
    const bench = benchOf();
    await bench.run(planOf({ a: step() }, { notify: { on: ['failed'], webhook: 'TEAM_URL' } }));
    await bench.run(planOf({ a: step() }));
    expect(bench.store.told).toEqual([]);
  });

  it.each([
    ['says so', async () => ({ warning: 'the address in TEAM_URL answers 404: nobody was told' })],
    ['fails', async () => failWith('internal', 'the address in TEAM_URL answers 404: nobody was told')],
  ])('warns in status and record, and the run succeeds, when telling %s', async (_how, notify) => {
    const store = emptyStore();
    const bench = benchOf(undefined, { store, local: { ...localOn(store), notify } });
    const run = bench.start(plan);
    await bench.world.finish(run);
    const warnings = ['notify (succeeded): the address in TEAM_URL answers 404: nobody was told'];
    expect(statusOf(run)).toMatchObject({ state: 'done', warnings });
    expect(store.records.at(-1)).toMatchObject({ final: true, record: { state: 'done', warnings } });
  });
});

// What a step has to tell a person reaches status and record once, from loops too, and stays over continue-as-new.
import { expect, it } from 'vitest';
import { benchOf, countingLoop, outcomeOf, planOf, statusOf, step } from './rig.js';

it('is told once by every step that has a warning, also in a loop that continues as new', async () => {
  const told = ['a', 'rl[0].work', 'rl[2].work'];
  const bench = benchOf(
    async (call, host) => {
      await host.sleep(1_000);
      const warnings = told.includes(call.path) ? { warnings: ['it computes something else'] } : {};
      return outcomeOf(call, warnings);
    },
    { continueAsNewAfter: 3 },
  );
  const run = bench.start(
    planOf({ a: step(), rl: countingLoop({ max: 4 }), b: step({ deps: ['rl'], with: { value: 2 } }) }),
  );
  await bench.world.finish(run);
  const expected = told.map((path) => `${path}: it computes something else`);
  expect(statusOf(run).warnings).toEqual(expected);
  expect(bench.store.records.at(-1)?.record.warnings).toEqual(expected);
});

it('keeps the first hundred of a long loop and says that there are more', async () => {
  const bench = benchOf(
    (call) => Promise.resolve(outcomeOf(call, call.path === 'b' ? {} : { warnings: ['it collapses'] })),
    { continueAsNewAfter: 40 },
  );
  const run = bench.start(planOf({ rl: countingLoop({ max: 120 }) }));
  await bench.world.finish(run);
  const { warnings = [] } = statusOf(run);
  expect(warnings).toHaveLength(101);
  expect(warnings[99]).toBe('rl[99].work: it collapses');
  expect(warnings[100]).toMatch(/^further warnings are left out/);
});

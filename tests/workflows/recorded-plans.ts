// The plans whose histories are kept in tests/histories/: small, and each with a construct of its own.
import type { Plan, PlanKind } from '../../schemas/generated/plan.js';
import { countingLoop, expr, gate, kinds, planOf, step, out } from './rig.js';

/** Five steps: a diamond, a skipped step with else, and a gate at the end. */
export const fivePlan: Plan = planOf(
  {
    a: step({ with: { value: 1 }, summary: 'the first' }),
    b: step({ with: { from: out('a'), value: 2 }, deps: ['a'] }),
    c: step({ with: { from: out('a'), value: 3 }, deps: ['a'] }),
    d: step({ uses: 'test.train', with: { from: out('b'), and: out('c') }, deps: ['b', 'c'] }),
    e: step({ with: { from: out('d'), value: expr('steps.c.metrics.value + 1') }, deps: ['c', 'd'] }),
    f: step({ if: expr('false'), else: { out: out('e') }, deps: ['e'] }),
    ok: gate(['steps.e.metrics.value >= 4.0'], { deps: ['e'] }),
  },
  { outputs: { result: out('f') }, metrics: { value: expr('steps.e.metrics.value') } },
);

/** A loop of eight iterations after a step. */
export const loopPlan: Plan = planOf({
  base: step({ with: { value: 1 } }),
  rl: countingLoop({
    max: 8,
    deps: ['base'],
    carry: { at: { artifact: 'folder', type: 'folder', init: out('base'), next: out('work') } },
  }),
});

/** Two failures, what depends on one of them, and a branch that goes on. */
export const failingPlan: Plan = planOf({
  bad: step({ with: { value: 1 } }),
  bad_too: step({ with: { value: 2 } }),
  after: step({ with: { from: out('bad') }, deps: ['bad'] }),
  fine: step({ with: { value: 3 } }),
});

/** A fanned-out step, the best of whose cells is read. */
export const matrixPlan: Plan = planOf({
  ...Object.fromEntries([1, 2].map((x) => [`try[x=${x}]`, step({ with: { value: x } })])),
  try: {
    node: 'matrix',
    deps: ['try[x=1]', 'try[x=2]'],
    cells: [1, 2].map((x) => ({ name: `try[x=${x}]`, matrix: { x } })),
    best: { metric: 'value', goal: 'maximize' },
    else: null,
    summary: '',
  },
  last: step({ with: { from: expr('steps.try.best.outputs.out') }, deps: ['try'] }),
});

/** A gate that waits for a person between two steps. */
export const askingPlan: Plan = planOf({
  a: step({ with: { value: 1 } }),
  ok: gate([], { deps: ['a'], approve: { timeoutMs: 3_600_000, onTimeout: 'reject' } }),
  b: step({ with: { from: out('a') }, deps: ['a', 'ok'] }),
});

/** A step that goes on until it is stopped, the first time. */
export const heldPlan: Plan = planOf({ held: step({ with: { value: 1 } }) });

/** A loop that commits every third iteration. */
export const volatilePlan: Plan = planOf({ rl: countingLoop({ max: 7, commit: 3 }) });

/** A loop whose clicks are stored while the next iteration runs. */
export const behindPlan: Plan = planOf({ rl: countingLoop({ max: 5, behind: true }) });

/** A loop that begins after the iteration 3 of another run. */
export const forkedPlan: Plan = planOf({
  rl: countingLoop({
    max: 6,
    fork: {
      run: 'pipe/first',
      iteration: 3,
      carry: { at: { $artifact: { key: 'a'.repeat(64), output: 'out', type: 'folder' } } },
      metrics: { work: { value: 3 } },
    },
  }),
});

/** A loop in a loop. */
export const nestedPlan: Plan = planOf({
  outer: countingLoop({
    max: 2,
    steps: {
      inner: countingLoop({
        max: 2,
        carry: { at: { artifact: 'folder', type: 'folder', init: expr('carry.at'), next: out('work') } },
      }),
      work: step({ with: { value: expr('iter.index'), from: expr('steps.inner.outputs.at') }, deps: ['inner'] }),
    },
  }),
});

/** Tells somebody how it ends. */
export const notifyingPlan: Plan = planOf(
  { a: step({ with: { value: 1 } }) },
  { notify: { webhook: 'HOOK', on: ['succeeded', 'failed'] } },
);

/** The kinds of the tests with one that makes a shard of another. */
export const splitKinds: Plan['kinds'] = { ...kinds, 'test.part': partKind() };

function partKind(): PlanKind {
  const work = kinds['test.work'];
  if (work === undefined) throw new Error('the tests have a kind test.work');
  const number = { artifact: null, required: true, checkpointKey: true };
  return { ...work, runs: 'trainer', inputs: { ...work.inputs, shard: number, shards: number } };
}

/** A step as three shards after another, and a step that reads it; named so that `bad` ones fail. */
const sharded = (name: string): Plan =>
  planOf(
    {
      first: step({ with: { value: 1 } }),
      [name]: step({ with: { from: out('first') }, deps: ['first'], shards: { count: 3, kind: 'test.part' } }),
      last: step({ with: { from: out(name) }, deps: [name] }),
    },
    { kinds: splitKinds },
  );

export const shardedPlan: Plan = sharded('big');

/** The same, and every shard fails. */
export const brokenShardPlan: Plan = sharded('bad');

// Steps with an input that was made a moment ago go to their activity without being looked up.
import { describe, expect, it } from 'vitest';
import { withKeys } from '../../activities/derivation.js';
import type { RootInput } from '../../workflows/interpreter.js';
import {
  benchOf,
  emptyStore,
  kinds,
  localOn,
  out,
  outcomeOf,
  planOf,
  statusOf,
  step,
  stepOf,
  takesASecond,
} from './rig.js';
import type { Bench, MemoryStore } from './rig.js';

const on: Partial<RootInput> = { features: { searchAttributes: false, freshSteps: true } };
const chain = planOf({
  a: step(),
  b: step({ with: { from: out('a') }, deps: ['a'] }),
  c: step({ with: { from: out('b') }, deps: ['b'] }),
  beside: step({ with: { value: 5 } }),
});

/** A world that counts which steps were looked up. */
function counting(store: MemoryStore = emptyStore(), behave = takesASecond): { bench: Bench; looked: string[] } {
  const looked: string[] = [];
  const local = localOn(store);
  const resolve: typeof local.resolve = (input) => {
    looked.push(input.path);
    return local.resolve(input);
  };
  return { bench: benchOf(behave, { store, local: { ...local, resolve }, keyOf: withKeys }), looked };
}

describe('a step whose input was just made', () => {
  it('runs without a look, under the key that a look would have given', async () => {
    const plain = counting();
    await plain.bench.run(chain);
    const fresh = counting();
    await fresh.bench.run(chain, on);
    expect(plain.looked.sort()).toEqual(['a', 'b', 'beside', 'c']);
    expect(fresh.looked.sort()).toEqual(['a', 'beside']);
    const keysOf = ({ bench }: { bench: Bench }) => bench.calls.map(({ path, call }) => [path, call.key]).sort();
    expect(keysOf(fresh)).toEqual(keysOf(plain));
  });

  it('takes what it declares itself to its activity, as a step that was looked up does', async () => {
    const declaration = { ...kinds['test.work']!, outputs: { out: 'folder' as const } };
    const plan = planOf({
      a: step({ declaration }),
      b: step({ declaration, with: { from: out('a') }, deps: ['a'] }),
      c: step(),
    });
    const { bench, looked } = counting();
    await bench.run(plan, on);
    expect(looked).not.toContain('b');
    const declared = Object.fromEntries(bench.calls.map(({ path, call }) => [path, call.declaration]));
    expect(declared).toEqual({ a: declaration, b: declaration, c: undefined });
  });

  it('is looked up when what it reads was cached', async () => {
    const first = counting();
    await first.bench.run(chain, on);
    const second = counting(first.bench.store);
    await second.bench.run(chain, on);
    expect([second.looked.sort(), second.bench.paths()]).toEqual([['a', 'b', 'beside', 'c'], []]);
  });

  it('shows as cached when its activity finds a result after all, and what reads it is looked up', async () => {
    const { bench, looked } = counting(emptyStore(), (call) =>
      outcomeOf(call, call.path === 'b' ? { found: true } : {}),
    );
    const run = bench.start(chain, on);
    await bench.world.finish(run);
    expect([looked.sort(), stepOf(run, 'b').state]).toEqual([['a', 'beside', 'c'], 'cached']);
  });

  it('is looked up after a pause, because it may have left a checkpoint', async () => {
    const { bench, looked } = counting(emptyStore(), async (call, host) => {
      if (call.path === 'b') await host.sleep(60_000);
      return outcomeOf(call);
    });
    const run = bench.start(chain, on);
    await bench.world.clock.runUntil(() => stepOf(run, 'b').state === 'running');
    run.update('pause', { now: true });
    await bench.world.clock.runUntil(() => stepOf(run, 'b').state === 'waiting');
    run.update('unpause', {});
    await bench.world.finish(run);
    expect(looked.filter((path) => path === 'b')).toEqual(['b']);
    expect(statusOf(run).state).toBe('done');
  });

  it('is looked up when its kind is keyed by where it runs', async () => {
    const { bench, looked } = counting();
    const keyed = { ...kinds['test.train']!, environment: ['python_version'] };
    const steps = { ...chain.steps, b: step({ uses: 'test.train', with: { from: out('a') }, deps: ['a'] }) };
    // The store of the test has no Python, so the look fails: what counts is that there was one.
    await expect(bench.run(planOf(steps, { kinds: { ...kinds, 'test.train': keyed } }), on)).rejects.toThrow();
    expect(looked.sort()).toEqual(['a', 'b', 'beside']);
  });
});

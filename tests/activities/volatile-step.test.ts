// Steps between two clicks of a loop, on a real store: held by the worker, read by the next step, committed by a click,
// dropped when nobody can read them, and missed when the worker is gone.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommitVolatileInput, StepCall, StepOutcome } from '../../activities/calls.js';
import { commitClick } from '../../activities/commit-click.js';
import { commitVolatile } from '../../activities/commit-volatile.js';
import type { KindImplementation, LocalArtifact } from '../../activities/kind.js';
import { createVolatileResults } from '../../activities/volatile-results.js';
import { listAll } from '../../store/list-all.js';
import { readResult } from '../../store/results.js';
import { attempt, callOf, openBench, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const loop = 'tests/one/rl';
const logger = new DefaultLogger('ERROR');

/** Adds `value` to what its input counts, with a checkpoint and a point on the way. */
const counting: KindImplementation = async (context) => {
  const from = context.inputs['from'] as LocalArtifact | undefined;
  const before = from === undefined ? 0 : Number(await readFile(join(from.path, 'count'), 'utf8'));
  const count = before + Number(context.inputs['value']);
  await writeFile(join(await context.outputDir('folder'), 'count'), String(count));
  context.metric(1, { value: count });
  return { value: count, steps: Number.NaN };
};

function call(iteration: number, before: StepOutcome | null, change: Partial<StepCall> = {}): StepCall {
  const from = before?.outputs['folder'];
  const carried = from === undefined ? [] : [from.$artifact.key];
  return callOf(
    bench,
    'test.sleep',
    { value: iteration + 1, ...(from === undefined ? {} : { from }) },
    { path: `rl[${iteration}].work`, volatile: { loop, iteration, carried }, ...change },
  );
}

const run = (one: StepCall, kind: KindImplementation = counting): Promise<StepOutcome> =>
  attempt(bench, one, { kind }).outcome;

const commit = (outcomes: StepOutcome[], given: Partial<CommitVolatileInput> = {}) =>
  new MockActivityEnvironment({}, { logger }).run(commitVolatile(bench.host), {
    ...{ run: bench.run, path: 'rl[1]', loop, keys: outcomes.map(({ key = '' }) => key) },
    ...given,
  });

const failed = (): never => {
  throw new Error('no output');
};

/** Folders of results that are held. */
const held = async (): Promise<number> =>
  (await readdir(bench.host.workRoot)).filter((name) => name.endsWith('.held')).length;

const inStore = async (prefix: string): Promise<number> => (await listAll(bench.store, prefix)).length;

describe('a step between clicks', () => {
  it('is not committed, says where it is, and is read by the next one', async () => {
    const first = await run(call(0, null));
    expect(first).toMatchObject({
      found: false,
      host: 'here',
      metrics: { value: 1, steps: null },
      outputs: { folder: { $artifact: { key: first.key, output: 'folder', type: 'folder', volatile: 'here' } } },
    });
    const second = await run(call(1, first));
    expect(second.metrics['value']).toBe(3);
    expect(await Promise.all(['results/', 'claims/', 'blobs/', 'journals/'].map(inStore))).toEqual([0, 0, 0, 0]);
    expect(bench.told).toEqual([]);
  });

  it('is keyed as it is with commit 1', async () => {
    const first = await run(call(0, null));
    const { volatile: _, ...durable } = call(0, null);
    const same = await run(durable);
    expect([same.key, same.metrics]).toEqual([first.key, first.metrics]);
    const refs = [first, same].map((one) => call(1, one));
    expect(refs[0]?.key).toBe(refs[1]?.key);
  });

  it('is found where it is held, and where it is committed, and not computed again', async () => {
    const first = await run(call(0, null));
    const kind = vi.fn();
    expect(await run(call(0, null), kind)).toMatchObject({ found: true, host: 'here', metrics: first.metrics });
    await commit([first]);
    const again = await run(call(0, null), kind);
    expect(again).toMatchObject({ found: true, outputs: { folder: { $artifact: { key: first.key } } } });
    expect(again.host).toBe(undefined);
    expect(again.outputs['folder']?.$artifact.volatile).toBe(undefined);
    expect(kind).not.toHaveBeenCalled();
  });

  it('fails when a kind forgets an output, and holds nothing', async () => {
    await expect(run(call(0, null), () => Promise.resolve({}))).rejects.toMatchObject({ type: 'internal' });
    expect(await held()).toBe(0);
  });

  it('goes when no later iteration can read it', async () => {
    const first = await run(call(0, null));
    const second = await run(call(1, first));
    expect(await held()).toBe(2);
    const third = await run(call(2, second));
    await vi.waitFor(async () => expect(await held()).toBe(2));
    expect(third.metrics['value']).toBe(6);
    expect(bench.host.volatile.get(first.key ?? '')).toBe(null);
  });

  it('stays for another loop that has found it', async () => {
    const first = await run(call(0, null));
    const other = { loop: 'tests/two/rl', iteration: 0, carried: [] };
    await run(call(0, null, { volatile: other }));
    await commit([], { loop });
    expect(await held()).toBe(1);
    expect(bench.host.volatile.get(first.key ?? '')).not.toBe(null);
    await commit([], { loop: other.loop });
    await vi.waitFor(async () => expect(await held()).toBe(0));
  });
});

describe('a click', () => {
  it('commits what it carries, whole, and drops the rest', async () => {
    const first = await run(call(0, null));
    const second = await run(call(1, first));
    await commit([second]);
    const result = await readResult(bench.store, second.key ?? '');
    expect(result).toMatchObject({ metrics: { value: 3, steps: null }, path: 'rl[1].work', run: 'tests/one' });
    expect(result?.derivation.inputs['from']).toEqual({ key: first.key, output: 'folder' });
    expect(result?.journal).not.toBe(null);
    expect(await inStore('results/')).toBe(1);
    await vi.waitFor(async () => expect(await held()).toBe(0));
    // And what follows reads it from the store.
    const { $artifact } = second.outputs['folder'] ?? { $artifact: { key: '', output: '', type: 'folder' as const } };
    const { volatile: _, ...kept } = $artifact;
    expect((await run(call(2, { ...second, outputs: { folder: { $artifact: kept } } }))).metrics['value']).toBe(6);
  });

  it('behind which the next iteration runs leaves what that one reads', async () => {
    const first = await run(call(0, null));
    expect(await commit([first], { isRead: true })).toEqual({ isOther: false });
    const second = await run(call(1, first));
    expect([second.metrics['value'], await held()]).toEqual([3, 2]);
    await commit([second]);
    await vi.waitFor(async () => expect(await held()).toBe(0));
    expect(await inStore('results/')).toBe(2);
  });

  it('is what an iteration begins with that is computed again, whatever is still held', async () => {
    const first = await run(call(0, null));
    await commit([first], { isRead: true });
    expect(await held()).toBe(1);
    // As the loop does when the iteration behind its click was lost: what the click carries has no mark.
    const { volatile: _, ...kept } = first.outputs['folder']?.$artifact ?? failed();
    const inputs = { value: 2, from: { $artifact: kept } };
    const again = callOf(bench, 'test.sleep', inputs, {
      path: 'rl[1].work',
      volatile: { loop, iteration: 1, carried: [] },
    });
    expect((await run(again)).metrics['value']).toBe(3);
    await vi.waitFor(async () => expect(await held()).toBe(1));
  });

  it('says when what stands is of another run', async () => {
    const first = await run(call(0, null));
    await run(call(0, null, { volatile: undefined as never, run: { ...bench.run, workflowId: 'tests/other' } }));
    expect(await commit([first])).toEqual({ isOther: true });
  });

  it('is the same when it is committed again', async () => {
    const first = await run(call(0, null));
    await commit([first]);
    await commit([first]);
    expect(bench.told.map(({ name }) => name)).toEqual(['stepCommitted']);
  });

  it('tells the tracker of the iterations before it', async () => {
    const metrics = { work: { value: 1 } };
    await commitClick(bench.host)({
      ...{ run: bench.run, path: 'rl', loopKey: 'k', keep: { last: 1, every: null, best: null } },
      click: {
        index: 2,
        carry: {},
        metrics,
        keys: {},
        seconds: 1,
        earlier: [0, 1].map((index) => ({ index, metrics })),
      },
    });
    expect(bench.told).toEqual([{ name: 'clicked', iterations: [0, 1, 2] }]);
  });
});

describe('a worker that is gone', () => {
  it('has lost what it held: the next step, and a click, say so and are not tried again', async () => {
    const first = await run(call(0, null));
    bench.host.volatile = createVolatileResults();
    const lost = { type: 'volatile_lost', nonRetryable: true };
    await expect(run(call(1, first))).rejects.toMatchObject(lost);
    await expect(
      run(call(1, first, { retry: { attempts: 9, backoffMs: 1, maxBackoffMs: 1, for: ['volatile_lost'] } })),
    ).rejects.toMatchObject(lost);
    await expect(commit([first])).rejects.toMatchObject(lost);
  });

  it('has lost nothing that a click had committed', async () => {
    const first = await run(call(0, null));
    await commit([first]);
    bench.host.volatile = createVolatileResults();
    expect((await run(call(1, first))).metrics['value']).toBe(3);
  });
});

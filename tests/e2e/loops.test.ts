// Loops on real servers: `commit: 5` with a worker that is killed between two clicks, against `commit: 1` undisturbed.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../store/open.js';
import { readClick } from '../../store/clicks.js';
import { listAll } from '../../store/list-all.js';
import type { RunRecord } from '../../schemas/generated/records.js';
import type { ObjectStore } from '../../store/store.js';
import { ensureBuilt } from '../local/built.js';
import { pawlRig, type PawlRig } from '../cli/pawl-rig.js';
import { madeBy, pidOf, resultsIn, until } from './training-rig.js';

const file = join(import.meta.dirname, 'loops.yaml');
let rig: PawlRig & { home: string };
let store: ObjectStore;

beforeAll(async () => {
  await ensureBuilt();
  const opened = await pawlRig();
  rig = { ...opened, home: join(opened.folder, 'home') };
  store = await openStore(join(rig.home, 'store'));
}, 180_000);
afterAll(() => rig.dispose(), 60_000);

/** Index of each click in the store, with the key of its loop. */
const clicks = async (): Promise<{ key: string; index: number }[]> =>
  (await listAll(store, 'loops/')).flatMap(({ name }) => {
    const [, key = '', digits] = /^loops\/([0-9a-f]+)\/(\d+)\.json$/.exec(name) ?? [];
    return digits === undefined ? [] : [{ key, index: Number(digits) }];
  });

/** As if nothing had been computed. */
function forget(): void {
  for (const folder of ['results', 'loops', 'claims']) rmSync(join(rig.home, 'store', folder), { recursive: true });
}

const iterationOf = (path: string): number => Number(/\[(\d+)\]/.exec(path)?.[1] ?? -1);

describe('a loop with commit 5', () => {
  let end: unknown;

  it(
    'goes back to its last click when its worker is killed, and stores nothing between',
    { timeout: 180_000 },
    async () => {
      const { outcome, stdout } = rig.begin(['run', file, '--name', 'volatile', '--json']);
      await until(
        async () => (await clicks()).some(({ index }) => index === 4),
        60_000,
        () => stdout(),
      );
      // Two iterations on, in the middle of the third.
      await new Promise((resolve) => setTimeout(resolve, 700));
      process.kill(pidOf(rig, 'worker'), 'SIGKILL');
      const { code, stderr } = await outcome;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect((await clicks()).map(({ index }) => index)).toEqual([4, 9, 11]);
      const log = readFileSync(join(rig.home, 'logs', 'worker.log'), 'utf8');
      expect(log).toMatch(/what rl had since its last click is lost/);
      const results = [...(await resultsIn(store)).values()].filter(({ path }) => path.startsWith('rl['));
      expect(results.map(({ path }) => path).sort()).toEqual(['rl[11].turn', 'rl[4].turn', 'rl[9].turn']);
      end = madeBy(results.filter(({ path }) => iterationOf(path) === 11));
      const [{ key } = { key: '' }] = await clicks();
      const last = await readClick(store, key, 11);
      expect(last?.metrics['turn']?.['value']).toBe(6);
      expect(last?.earlier?.map(({ index, metrics }) => [index, metrics['turn']?.['value']])).toEqual([[10, 5.5]]);
    },
  );

  it('with commit-behind loses no click to a kill, and ends with the same bytes', { timeout: 180_000 }, async () => {
    forget();
    const behind = join(rig.folder, 'behind.yaml');
    writeFileSync(behind, readFileSync(file, 'utf8').replace('commit: 5', 'commit-behind: true'));
    const { outcome, stdout } = rig.begin(['run', behind, '--name', 'behind', '--json']);
    await until(
      async () => (await clicks()).some(({ index }) => index === 3),
      60_000,
      () => stdout(),
    );
    process.kill(pidOf(rig, 'worker'), 'SIGKILL');
    const { code, stderr } = await outcome;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await clicks()).map(({ index }) => index)).toEqual(Array.from({ length: 12 }, (_, index) => index));
    const results = [...(await resultsIn(store)).values()].filter(({ path }) => path.startsWith('rl['));
    expect(results.filter(({ path }) => path.endsWith('.aside'))).toEqual([]);
    expect(madeBy(results.filter(({ path }) => path === 'rl[11].turn'))).toEqual(end);
  });

  it('ends with the bytes of commit 1', { timeout: 120_000 }, async () => {
    forget();
    const plain = join(rig.folder, 'plain.yaml');
    writeFileSync(plain, readFileSync(file, 'utf8').replace('commit: 5', 'commit: 1'));
    const { code, stderr } = await rig.pawl(['run', plain, '--name', 'plain']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect((await clicks()).map(({ index }) => index)).toEqual(Array.from({ length: 12 }, (_, index) => index));
    const results = [...(await resultsIn(store)).values()];
    expect(madeBy(results.filter(({ path }) => path === 'rl[11].turn'))).toEqual(end);
  });
});

describe('a fork', () => {
  const json = (stdout: string): Record<string, unknown>[] =>
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it(
    'begins after a kept iteration with another param; what is before the loop is cached',
    { timeout: 60_000 },
    async () => {
      const { code, stdout, stderr } = await rig.pawl(['fork', 'turns/plain@rl[9]', '--set', 'rate=2', '--json']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const record = json(stdout).at(-1)?.['record'] as RunRecord;
      expect(record).toMatchObject({
        forkedFrom: { run: 'turns/plain', loop: 'rl', iteration: 9 },
        metrics: { total: 9 },
        steps: [
          { path: 'rl', reason: '12 iterations; forked from turns/plain after iteration 9' },
          { path: 'start', state: 'cached' },
        ],
      });
      expect(record.workflowId).not.toBe('turns/plain');
      const results = [...(await resultsIn(store)).values()].filter(({ run }) => run === record.workflowId);
      // rl[10].aside reads what iteration 9 carried, and not the param.
      expect(results.map(({ path }) => path).sort()).toEqual(['rl[10].turn', 'rl[11].aside', 'rl[11].turn']);
      expect((await rig.pawl(['why', record.workflowId, 'rl'])).stdout).toContain(
        'forked from turns/plain after iteration 9',
      );
    },
  );

  it('of an iteration that is not kept is refused with those that are', { timeout: 60_000 }, async () => {
    const { code, stderr } = await rig.pawl(['fork', 'turns/plain@rl[6]', '--set', 'rate=2']);
    expect([code, stderr]).toEqual([
      2,
      'pawl: turns/plain has not kept rl[6]: what it carried was pruned, or it lies between two clicks; `keep` of the loop says what stays. Kept: 4, 9-11.\n',
    ]);
  });

  it('shows what would run without running it', { timeout: 60_000 }, async () => {
    const { code, stdout } = await rig.pawl(['fork', 'turns/plain@rl[4]', '--set', 'rate=3', '--plan']);
    expect(code).toBe(0);
    expect(stdout).toContain(' begins after turns/plain@rl[4]\n');
    expect(stdout).toContain('RUN         rl[5].turn');
  });
});

it('bisect finds the iteration at which a metric crossed a bound', { timeout: 60_000 }, async () => {
  const { code, stdout } = await rig.pawl(['bisect', 'turns/plain', 'turn.value', '--above', '3.2']);
  expect([code, stdout.split('\n').slice(1, 3)]).toEqual([
    0,
    [
      'It went bad at iteration 6 (3.5); good was iteration 5 (3).',
      "Kept before it: rl[4]. `pawl fork 'turns/plain@rl[4]' --set …` goes on from there.",
    ],
  ]);
});

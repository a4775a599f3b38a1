// Real training with `commit: 3`, and with clicks stored behind the next iteration: killing the trainer and the worker changes
// no byte of what comes out, and commits nothing but what clicks carry. Takes minutes, so only on demand: PAWL_LONG=1 npx vitest run tests/e2e/volatile-training.test.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Result } from '../../schemas/generated/records.js';
import { ensureBuilt } from '../local/built.js';
import {
  madeBy,
  pidOf,
  pipeline,
  processesOf,
  resultsIn,
  trainerOf,
  trainingRig,
  until,
  type TrainingRig,
} from './training-rig.js';

const iterations = 9;
const text = (commit: string): string =>
  readFileSync(pipeline, 'utf8').replace(
    'keep: { last: 2 }\n      steps:',
    `keep: { last: 2 }\n      ${commit}\n      steps:`,
  );

/** A home with one run of it, `during` which anything may be done; what it has committed. */
async function trained(
  commit: string,
  during: (rig: TrainingRig, started: ReturnType<TrainingRig['begin']>) => Promise<void>,
): Promise<Result[]> {
  const rig = await trainingRig({ mlflow: false });
  try {
    const file = join(rig.folder, 'tiny.yaml');
    writeFileSync(file, text(commit));
    const started = rig.begin(['run', file, '--name', 'one', '--set', `iterations=${iterations}`, '--json']);
    await during(rig, started);
    const { code, stderr } = await started.outcome;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return [...(await resultsIn(rig.store)).values()];
  } finally {
    await rig.dispose();
    expect(processesOf(rig.home)).toEqual([]);
  }
}

/** Kills the trainer in one of the first three iterations, and the worker where, with `commit: 3`, something is lost. */
async function killBoth(rig: TrainingRig, { outcome, stdout }: ReturnType<TrainingRig['begin']>): Promise<void> {
  const reached = (iterationsOf: RegExp) =>
    until(
      async () => iterationsOf.test((await rig.pawl(['status', 'tiny/one', '--json'])).stdout),
      600_000,
      () => stdout().slice(-2000),
    );
  await reached(/rl\[[0-2]\]\./);
  const trainer = trainerOf(pidOf(rig, 'worker'));
  expect(trainer).not.toBe(null);
  process.kill(trainer ?? 0, 'SIGKILL');
  await reached(/rl\[[4578]\]\./);
  process.kill(pidOf(rig, 'worker'), 'SIGKILL');
  await outcome;
}

const carriedBy = (iterations: readonly number[]): string[] =>
  iterations.flatMap((index) => [`rl[${index}].refresh`, `rl[${index}].update`]);

describe.skipIf(process.env.PAWL_LONG !== '1')('training whose worker and trainer are killed', () => {
  it('ends with the bytes of commit 1, whichever way its clicks are stored', { timeout: 1_800_000 }, async () => {
    await ensureBuilt();
    const one = await trained('commit: 1', async () => undefined);
    const all = madeBy(one);
    const every = Array.from({ length: iterations }, (_, index) => index);
    for (const [commit, clicks] of [
      ['commit: 3', [2, 5, 8]],
      ['commit-behind: true', every],
    ] as const) {
      const killed = await trained(commit, async (rig, started) => {
        await killBoth(rig, started);
        const log = readFileSync(join(rig.home, 'logs', 'worker.log'), 'utf8');
        // Of clicks behind the next iteration mostly nothing is: the worker that follows finds in the store what was held.
        if (commit === 'commit: 3') expect(log).toContain('what rl had since its last click is lost');
      });
      const inLoop = killed.filter(({ path }) => path.startsWith('rl[')).map(({ path }) => path);
      expect(inLoop.sort()).toEqual(carriedBy(clicks));
      expect(killed.length).toBeLessThan(one.length);
      for (const [step, made] of Object.entries(madeBy(killed)))
        expect({ commit, step, made }).toEqual({ commit, step, made: all[step] });
    }
  });
});

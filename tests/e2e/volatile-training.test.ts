// Real training with `commit: 3`: killing the trainer and the worker between clicks changes no byte of what comes out, and
// commits nothing between. Takes minutes, so only on demand: PAWL_LONG=1 npx vitest run tests/e2e/volatile-training.test.ts
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
const text = (commit: number): string =>
  readFileSync(pipeline, 'utf8').replace(
    'keep: { last: 2 }\n      steps:',
    `keep: { last: 2 }\n      commit: ${commit}\n      steps:`,
  );

/** A home with one run of it, `during` which anything may be done; what it has committed. */
async function trained(
  commit: number,
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
  const log = readFileSync(join(rig.home, 'logs', 'worker.log'), 'utf8');
  expect(log).toContain('what rl had since its last click is lost');
}

describe.skipIf(process.env.PAWL_LONG !== '1')('training with commit 3', () => {
  it('ends with the bytes of commit 1, whatever was killed between two clicks', { timeout: 1_800_000 }, async () => {
    await ensureBuilt();
    const three = await trained(3, killBoth);
    const inLoop = three.filter(({ path }) => path.startsWith('rl[')).map(({ path }) => path);
    expect(inLoop.sort()).toEqual([
      'rl[2].refresh',
      'rl[2].update',
      'rl[5].refresh',
      'rl[5].update',
      'rl[8].refresh',
      'rl[8].update',
    ]);
    const one = await trained(1, async () => undefined);
    const all = madeBy(one);
    expect(three.length).toBeLessThan(one.length);
    for (const [step, made] of Object.entries(madeBy(three))) expect({ step, made }).toEqual({ step, made: all[step] });
  });
});

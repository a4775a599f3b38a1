import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt, repository } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

const module = join(repository, 'tests', 'cli', 'fixtures', 'codec.mjs');
const secret = 'the-colour-of-the-moon';
const sealed = `pawl: 1
name: sealed
params: { words: { type: string, default: "${secret}" } }
steps:
  nap: { uses: test.sleep, with: { steps: 1, step_ms: 1 } }
  bad: { needs: [nap], uses: test.fail, with: { class: config, message: "\${{ params.words }}" } }
`;
const long = `pawl: 1
name: long
steps:
  nap: { uses: test.sleep, with: { steps: 20000, step_ms: 100 }, checkpoint: { every: 2 steps } }
`;

describe('a payload codec that encrypts', () => {
  let rig: PawlRig;
  let connection: Connection;
  const wrong = { PAWL_TEST_CODEC_KEY: 'another key' };

  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    Object.assign(rig.env, { PAWL_CODEC: module, PAWL_TEST_CODEC_KEY: 'right' });
    writeFileSync(join(rig.folder, 'sealed.yaml'), sealed);
    writeFileSync(join(rig.folder, 'long.yaml'), long);
    const up = await rig.pawl(['up']);
    expect({ code: up.code, stderr: up.stderr }).toEqual({ code: 0, stderr: '' });
    connection = await Connection.connect({ address: `127.0.0.1:${rig.env.PAWL_TEMPORAL_PORT}` });
  }, 180_000);
  afterAll(async () => {
    await connection.close();
    await rig.dispose();
  }, 60_000);

  it('keeps what a run is made of, and what it fails with, out of Temporal; the command shows all', async () => {
    const run = await rig.pawl(['run', 'sealed.yaml', '--name', 'one']);
    expect(run.code).toBe(4);
    expect(run.stdout).toMatch(/nap +done/);
    expect(run.stdout).toContain(secret);
    expect((await rig.pawl(['status', 'sealed/one'])).stdout).toContain(secret);
    expect((await rig.pawl(['why', 'sealed/one', 'bad'])).stdout).toContain(secret);
    const handle = new Client({ connection }).workflow.getHandle('sealed/one');
    const description = await connection.workflowService.describeWorkflowExecution({
      namespace: 'default',
      execution: { workflowId: 'sealed/one' },
    });
    const kept = textOf([await handle.fetchHistory(), description]);
    expect(kept.includes('binary/encrypted')).toBe(true);
    // Names stay: of the pipeline, of steps and of their kinds.
    expect(/colour|needs: |step_ms|moon/.exec(kept)?.[0]).toBe(undefined);
    expect(kept.includes('"test.fail"')).toBe(true);
  }, 120_000);

  it('lets a run be seen and cancelled while it is under way', async () => {
    await rig.pawl(['run', 'long.yaml', '--name', 'two', '--detach']);
    let seen = '';
    for (let tries = 0; tries < 100 && !/\d+ of 20000/.test(seen); tries++) {
      await sleep(100);
      seen = (await rig.pawl(['status', 'long/two'])).stdout;
    }
    expect(seen).toMatch(/nap +running .*\d+ of 20000/);
    const blind = await rig.pawl(['status', 'long/two'], wrong);
    expect([blind.code, blind.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^pawl: What Temporal keeps of this run cannot be read: the payload codec \S+ fails on it: .*\nSet the codec, and the key, that the run was started with/,
      ),
    ]);
    expect((await rig.pawl(['cancel', 'long/two'])).code).toBe(0);
  }, 120_000);
});

/** Everything in it as text, bytes (base64 in the JSON of Temporal) decoded. */
const textOf = (value: unknown): string =>
  JSON.stringify(value).replace(/"([A-Za-z0-9+/]{4,}={0,2})"/g, (text, bytes: string) =>
    [text, Buffer.from(bytes, 'base64').toString('latin1')].join(' '),
  );

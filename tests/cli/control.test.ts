// A run after its start: paused at a checkpoint, resumed after its end, its logs and artifacts; with real servers.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../local/built.js';
import { pawlRig, type Outcome, type PawlRig } from './pawl-rig.js';

const pipeline = (flag: string): string => `pawl: 1
name: ctl
params: { value: { type: number, default: 3.0 } }
steps:
  nap: { uses: test.sleep, with: { steps: 2, step_ms: 1, value: "\${{ params.value }}" } }
  look:
    uses: command
    shell: true
    cache: false
    run: "echo looking for $SECRET_NAME; test -e ${flag}"
    env: [SECRET_NAME]
    retry: { attempts: 1 }
  after: { uses: test.sleep, needs: [look], with: { steps: 1, step_ms: 1, value: 1, previous: "\${{ steps.nap.outputs.folder }}" } }
  turn:
    needs: [look]
    loop:
      max: 3
      carry: { last: { type: folder, init: "\${{ steps.nap.outputs.folder }}", next: "\${{ steps.work.outputs.folder }}" } }
      steps:
        work: { uses: test.sleep, with: { steps: 1, step_ms: 1, value: "\${{ iter.index }}", previous: "\${{ carry.last }}" } }
outputs: { folder: "\${{ steps.after.outputs.folder }}" }
`;
const long =
  'pawl: 1\nname: long\nsteps:\n  nap: { uses: test.sleep, with: { steps: 160, step_ms: 50 }, checkpoint: { every: 1000 steps } }\n';

/** Looks until it holds; fails after a minute. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 60_000; !(await holds());) {
    if (Date.now() > deadline) throw new Error('it did not come about within a minute');
    await sleep(50);
  }
}

describe('a run after its start', () => {
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    rig.env.SECRET_NAME = 'hunter2secret';
    writeFileSync(join(rig.folder, 'ctl.yaml'), pipeline(join(rig.folder, 'flag')));
    writeFileSync(join(rig.folder, 'long.yaml'), long);
    await rig.pawl(['up']);
  }, 120_000);
  afterAll(async () => rig.dispose(), 60_000);

  const stepsOf = ({
    stdout,
  }: Outcome): Record<string, { state: string; resumedFrom: number | null; attempts: number }> => {
    const { record } = JSON.parse(
      stdout
        .trim()
        .split('\n')
        .find((line) => line.includes('"type":"end"')) ?? '{}',
    ) as {
      record: { steps: { path: string; state: string; resumedFrom: number | null; attempts: number }[] };
    };
    return Object.fromEntries(record.steps.map(({ path, ...rest }) => [path, rest]));
  };
  const statesOf = (outcome: Outcome): string[] =>
    Object.entries(stepsOf(outcome)).map(([path, { state }]) => `${path} ${state}`);

  it('paused with --now keeps a checkpoint and frees its slot; unpaused it goes on there, and no attempt is counted', async () => {
    const following = rig.begin(['run', 'long.yaml', '--name', 'held', '--json']);
    await until(async () => / [1-9]\d* of 160/.test((await rig.pawl(['status', 'long/held'])).stdout));
    expect((await rig.pawl(['pause', 'long/held', '--now'])).stdout).toMatch(/what runs checkpoints and stops/);
    await until(async () => /nap +waiting .*the run is paused/.test((await rig.pawl(['status', 'long/held'])).stdout));
    const planned = await rig.pawl(['plan', 'long.yaml', '--json']);
    const { checkpointStep = 0 } =
      (JSON.parse(planned.stdout) as { steps: { checkpointStep: number }[] }).steps[0] ?? {};
    expect(checkpointStep).toBeGreaterThan(0);
    const resumed = await rig.pawl(['resume', 'long/held']);
    expect([resumed.code, resumed.stderr]).toEqual([
      2,
      expect.stringMatching(
        /^pawl: long\/held is under way: there is nothing to resume\. `pawl unpause long\/held` lets/,
      ),
    ]);
    await rig.pawl(['unpause', 'long/held']);
    const ended = await following.outcome;
    expect(ended.code).toBe(0);
    expect(stepsOf(ended)['nap']).toMatchObject({ state: 'done', resumedFrom: checkpointStep, attempts: 1 });
  }, 120_000);

  it('that has failed is resumed from its record: what is done stays, what failed is tried again', async () => {
    expect((await rig.pawl(['run', 'ctl.yaml', '--name', 'one'])).code).toBe(4);
    const logs = await rig.pawl(['logs', 'ctl/one', 'look']);
    expect(logs.stdout).toMatch(
      /^== look, attempt 1\n.* attempt 1 at look, .*\n.*Z looking for \*\*\*\n.* \| failed \[trainer_crash\]: /m,
    );
    writeFileSync(join(rig.folder, 'flag'), '');
    writeFileSync(join(rig.folder, 'ctl.yaml'), 'broken since');
    const resumed = await rig.pawl(['resume', 'ctl/one', '--json']);
    expect(resumed.code).toBe(0);
    expect(statesOf(resumed)).toEqual(['after done', 'look done', 'nap cached', 'turn done']);
  }, 60_000);

  it('computes a step and what depends on it again, and says whether the bytes are the same', async () => {
    const again = await rig.pawl(['resume', 'one', '--from', 'nap']);
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/RUN +nap /);
    expect(again.stdout).toMatch(/CACHED +look /);
    expect(again.stdout).toMatch(/nap\.folder: the same bytes as before\n/);
    expect(again.stdout).toMatch(/turn\.last: the same bytes as before\n/);
    expect((await rig.pawl(['why', 'ctl/one', 'nap'])).stdout).toMatch(/\n {2}again \d{4}-/);
    // Once more without --from: what was computed again counts now.
    const after = await rig.pawl(['resume', 'one', '--json']);
    expect(statesOf(after)).toEqual(['after cached', 'look cached', 'nap cached', 'turn done']);
    const wrong = await rig.pawl(['resume', 'one', '--from', 'nup']);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      'pawl: ctl/one has no step `nup` to begin at: did you mean `nap`?\n',
    ]);
    expect((await rig.pawl(['resume', 'one', '--from', 'turn[1].work'])).stderr).toContain('--from turn\n');
  }, 60_000);

  it('takes other params without its file, and shows what they change', async () => {
    const set = await rig.pawl(['resume', 'one', '--set', 'value=4']);
    expect(set.code).toBe(0);
    expect(set.stdout).toMatch(/RUN +nap /);
    expect(set.stdout).toMatch(/nap +done .*value 4/);
    const unknown = await rig.pawl(['resume', 'one', '--set', 'valu=4']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/in ctl\.yaml, as it was when the run was submitted\n[^]*did you mean `value`/);
  }, 60_000);

  it('has logs and artifacts that any host with the store can read', async () => {
    const other = { PAWL_HOME: join(rig.folder, 'other'), PAWL_STORE: join(rig.folder, 'home', 'store') };
    const elsewhere = (...args: string[]): Promise<Outcome> => rig.pawl(args, other);
    expect((await elsewhere('logs', 'one')).stdout).toMatch(/== look, attempt 1\n[^]*\n== look, attempt 1\n/);
    expect((await elsewhere('logs', 'one', 'nap')).stdout).toMatch(/^Nothing is kept of nap of ctl\/one/);
    expect((await elsewhere('logs', 'one', 'lok')).stderr).toBe(
      'pawl: ctl/one has no step `lok`: did you mean `look`?\n',
    );
    expect((await elsewhere('logs', 'one', 'look', '--attempt', '7')).stdout).toContain('Nothing is kept of attempt 7');
    const listed = await elsewhere('artifacts', 'ls', 'ctl/one');
    expect(listed.stdout).toMatch(/ctl\/one@nap\.folder +folder +\d+ B +1 file/);
    expect(listed.stdout).toMatch(/turn: 3 iterations; kept: 1-2\./);
    const got = await elsewhere('artifacts', 'get', 'ctl/one@turn[2].work.folder', '--to', 'got/it');
    expect([got.code, got.stdout]).toEqual([0, expect.stringContaining('1 file, ')]);
    expect(JSON.parse(readFileSync(join(rig.folder, 'got', 'it', 'counter.json'), 'utf8'))).toEqual({
      steps: 1,
      value: 2,
    });
    const filled = await elsewhere('artifacts', 'get', 'ctl/one@turn[2].work.folder', '--to', 'got/it');
    expect([filled.code, filled.stderr]).toEqual([2, expect.stringContaining('is there already and not empty')]);
    expect((await elsewhere('artifacts', 'get', 'ctl/one@nap.model')).stderr).toMatch(
      /^pawl: ctl\/one has no artifact nap\.model\. There are after\.folder, nap\.folder, turn\.last, folder, turn\[2\]\.STEP\.OUTPUT\n$/,
    );
  }, 60_000);

  it('that does not run, or is none, is told with what there is', async () => {
    const paused = await rig.pawl(['pause', 'ctl/one']);
    expect([paused.code, paused.stderr]).toEqual([
      2,
      'pawl: ctl/one does not run any more: `pawl status ctl/one` shows how it ended, `pawl resume ctl/one` starts it again. No run is under way.\n',
    ]);
    const none = await rig.pawl(['cancel', 'ctl/onne']);
    expect([none.code, none.stderr]).toEqual([
      2,
      expect.stringMatching(/^pawl: There is no run ctl\/onne\. Did you mean ctl\/one\? The latest: /),
    ]);
  }, 30_000);
});

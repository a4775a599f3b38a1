import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

/** With the params that its steps read, so that there is nothing to warn of. */
function pipeline(name: string, steps: string): string {
  const read = ['steps', 'turns'].filter((param) => steps.includes(`params.${param}`));
  const params = read.map((param) => `${param}: { type: integer, default: 2 }`).join(', ');
  return `pawl: 1\nname: ${name}\nparams: { ${params} }\nsteps:\n${steps}`;
}
const nap =
  '  nap: { uses: test.sleep, with: { steps: "${{ params.steps }}", step_ms: 100 }, checkpoint: { every: 2 steps } }\n';
const loop = `  turn:
    loop:
      max: "\${{ params.turns }}"
      carry: { last: { type: folder, init: "\${{ steps.nap.outputs.folder }}", next: "\${{ steps.work.outputs.folder }}" } }
      steps:
        work: { uses: test.sleep, with: { steps: 1, step_ms: 10, value: "\${{ iter.index }}", previous: "\${{ carry.last }}" } }
outputs: { folder: "\${{ steps.turn.outputs.last }}" }
metrics: { value: "\${{ steps.turn.metrics.work.value }}" }
`;

/** Looks until it holds; fails after 30 s. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await holds());) {
    if (Date.now() > deadline) throw new Error('it did not come about within 30 s');
    await sleep(50);
  }
}

/** Steps enough that no machine gets through them while the test looks at the run. */
const manySteps = 'steps=20000';

describe('pawl run, with its servers', () => {
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    const write = (name: string, steps: string): void =>
      writeFileSync(join(rig.folder, `${name}.yaml`), pipeline(name, steps));
    write('good', nap + loop);
    write('long', nap);
    write('slow', nap.replace('step_ms: 100', 'step_ms: 100, value: 6'));
    write('busy', nap.replace('step_ms: 100', 'step_ms: 100, value: 5'));
    write('gated', `${nap}  gate: { gate: { assert: [ "\${{ steps.nap.metrics.steps > 100 }}" ] } }\n`);
    const approve = 'approve: { timeout: 10m, on-timeout: approve }';
    write(
      'asking',
      `${nap}  gate: { needs: [nap], gate: { ${approve} } }\n  after: { uses: test.sleep, needs: [gate], with: { steps: 1, value: 9 } }\n`,
    );
    write(
      'turning',
      loop
        .replace('init: "${{ steps.nap.outputs.folder }}", ', '')
        .replace(/^(outputs|metrics).*\n/gm, '')
        .replace(/$/, `        look: { needs: [work], gate: { ${approve} } }\n`),
    );
    write(
      'fanned',
      `  try:
    uses: test.sleep
    matrix: { value: [0.5, 2] }
    best: { metric: value, goal: maximize }
    with: { steps: 1, step_ms: 1, value: "\${{ matrix.value }}" }
  last: { uses: test.sleep, with: { steps: 1, step_ms: 1, previous: "\${{ steps.try.best.outputs.folder }}" } }
`,
    );
    write('failing', '  bad: { uses: test.fail, with: { class: config, message: no such column } }\n');
    await rig.pawl(['up']);
  }, 120_000);
  afterAll(async () => rig.dispose(), 60_000);

  /** The checkpoint step that a plan of very many steps would resume from. */
  const checkpointOf = async (file: string): Promise<number> => {
    const { stdout } = await rig.pawl(['plan', file, '--set', manySteps, '--format', 'json']);
    const { steps } = JSON.parse(stdout) as { steps: { checkpointStep: number | null }[] };
    return steps[0]?.checkpointStep ?? Number.NaN;
  };

  const workerPid = async (): Promise<number> => {
    const { stdout } = await rig.pawl(['ps', '--json']);
    const { services } = JSON.parse(stdout) as { services: { name: string; pid: number | null }[] };
    return services.find(({ name }) => name === 'worker')?.pid ?? Number.NaN;
  };

  it('follows a run to its end: steps, metrics, outputs, link, status 0', async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', 'good.yaml', '--name', 'first']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/0:00 {2}nap {3}test\.sleep started/);
    expect(stdout).toMatch(/nap +done +[\d.]+ s +value 0, steps 2/);
    expect(stdout).toMatch(/turn +done +[\d.]+ s +2 iterations {2}work\.steps 1, work\.value 1/);
    expect(stdout).toMatch(/Outputs\n {2}folder {2}\/.+/);
    expect(stdout).toContain(
      `http://127.0.0.1:${rig.env.PAWL_TEMPORAL_UI_PORT}/namespaces/default/workflows/good%2Ffirst`,
    );
    expect(stdout).toMatch(/good\/first: done in [\d.]+ s\n$/);
  });

  it('shows the cells of a matrix, the best of them, and why a cell has its key', async () => {
    const { code, stdout, stderr } = await rig.pawl(['run', 'fanned.yaml', '--name', 'one']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/try\[value=0\.5\] +(test\.sleep started|done in)/); // on a busy machine it ends before the first look
    expect(stdout).toMatch(/try +done: 2 cells; the best is try\[value=2\] .*value 2/);
    expect(stdout).toMatch(/try\[value=2\] +done +[\d.]+ s .*value 2/);
    expect(stdout).toMatch(/try +done .*value 2.* {2}2 cells; the best is try\[value=2\]/);
    const cell = await rig.pawl(['why', 'try[value=0.5]']);
    expect(cell.stdout).toMatch(/^try\[value=0\.5\] of fanned\/one: done/);
    expect(cell.stdout).toContain('  value: 0.5\n');
    const all = await rig.pawl(['why', 'try']);
    expect(all).toMatchObject({ code: 2, stdout: '' });
    expect(all.stderr).toContain("Name a cell, in quotes: 'try[value=0.5]', 'try[value=2]'");
    const planned = await rig.pawl(['plan', 'fanned.yaml']);
    expect(planned.stdout).toMatch(/CACHED +try +matrix +2 cells; the best is try\[value=2\]/);
  }, 30_000);

  it('takes from the store what is committed, and plan says so before', async () => {
    const planned = await rig.pawl(['plan', 'good.yaml', '--set', 'turns=3']);
    expect(planned.stdout).toMatch(/CACHED +nap .*\s+committed by good\/first/);
    expect(planned.stdout).toMatch(/RESUME@1 +turn .*\s+goes on at iteration 2 of 3/);
    const { stdout: foretold } = await rig.pawl(['plan', 'good.yaml', '--set', 'turns=3', '--json']);
    const { steps } = JSON.parse(foretold) as { steps: { path: string; state: string; key: string | null }[] };
    const { code, stdout } = await rig.pawl(['run', 'good.yaml', '--set', 'turns=3', '--json']);
    const end = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      type: string;
      exitCode: number;
      record: { steps: { path: string; state: string; key: string | null; clicks: number | null }[] };
    };
    expect([code, end.type, end.exitCode]).toEqual([0, 'end', 0]);
    expect(steps.map(({ path, state }) => [path, state])).toEqual([
      ['nap', 'CACHED'],
      ['turn', 'RESUME'],
    ]);
    const recorded = (path: string) => end.record.steps.find((step) => step.path === path);
    expect(recorded('nap')).toMatchObject({ state: 'cached', key: steps[0]?.key });
    expect(recorded('turn')).toMatchObject({ state: 'done', key: steps[1]?.key, clicks: 3 });
    const after = await rig.pawl(['plan', 'good.yaml', '--set', 'turns=3']);
    expect(after.stdout).toMatch(/time +nothing is left to run\n[^]*: 2 CACHED\n$/);
  });

  it('why shows what a key is made of, also in a loop, and what changed', async () => {
    const { code, stdout } = await rig.pawl(['why', 'good', 'turn[1].work']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^turn\[1\]\.work of good\/\w+: done\nkey [0-9a-f]{64}\n {2}kind test\.sleep version 1\n/);
    expect(stdout).toContain('  value: 1\n');
    const unknown = await rig.pawl(['why', 'good', 'napp']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringMatching(/has no step napp, or it has not started\. Its steps: nap, turn\n$/),
    ]);
  });

  it('ends with the status of a gate, of a failed step, of a wait that is over', async () => {
    expect((await rig.pawl(['run', 'gated.yaml'])).code).toBe(3);
    const failed = await rig.pawl(['run', 'failing.yaml']);
    expect(failed.code).toBe(4);
    expect(failed.stdout).toContain('bad  failed [config]: no such column');
    const left = await rig.pawl(['run', 'long.yaml', '--set', 'steps=100', '--name', 'left', '--timeout', '1s']);
    expect(left.code).toBe(124);
    expect(left.stdout).toContain('Come back with `pawl status long/left`');
    expect((await rig.pawl(['cancel', 'long/left'])).code).toBe(0);
  }, 90_000);

  it('ctrl-C detaches; the run can be looked at, paused, joined and cancelled, and goes on at its checkpoint', async () => {
    const args = ['run', 'long.yaml', '--set', manySteps, '--name', 'kept'];
    const first = rig.begin(args);
    await until(() => first.stdout().includes('checkpoint at'));
    first.child.kill('SIGINT');
    const left = await first.outcome;
    expect(left.code).toBe(130);
    expect(left.stdout).toContain('long/kept goes on.\nCome back with `pawl status long/kept`');
    expect((await rig.pawl(['status', 'long/kept'])).stdout).toMatch(/nap +running +[\d.hms]+( s)? +\d+ of 20000/);
    expect((await rig.pawl(['pause', 'long/kept'])).code).toBe(0);
    expect((await rig.pawl(['pause', 'long/kept'])).stderr).toBe(
      'pawl: long/kept refuses: the run is paused already\n',
    );
    expect((await rig.pawl(['unpause', 'long/kept'])).code).toBe(0);
    expect((await rig.pawl(['approve', 'long/kept'])).stderr).toBe(
      'pawl: long/kept has no gate that waits for approval. No gate waits now.\n',
    );
    const joined = rig.begin(args);
    await until(() => joined.stdout().includes('under way already'));
    expect((await rig.pawl(['cancel', 'long/kept'])).code).toBe(0);
    expect((await joined.outcome).code).toBe(6);
    // As many steps as the checkpoint that it left has, and some more: the same checkpoints, soon over.
    const step = await checkpointOf('long.yaml');
    const again = await rig.pawl(['run', 'long.yaml', '--set', `steps=${step + 3}`, '--name', 'kept']);
    expect(again.code).toBe(0);
    expect((await rig.pawl(['status', 'long/kept', '--json'])).stdout).toContain(`"resumedFrom":${step}`);
  }, 90_000);

  it('a run that is being cancelled is waited for, and then starts again', async () => {
    await rig.pawl(['run', 'slow.yaml', '--set', manySteps, '--name', 'again', '--detach']);
    await until(async () => (await rig.pawl(['status', 'slow/again'])).stdout.includes('of 20000'));
    // A worker that stands still answers no cancellation: the run stays one that is being cancelled.
    const pid = await workerPid();
    process.kill(pid, 'SIGSTOP');
    let second: ReturnType<PawlRig['begin']>;
    try {
      expect((await rig.pawl(['cancel', 'slow/again'])).code).toBe(0);
      const short = await rig.pawl(['run', 'slow.yaml', '--name', 'again', '--timeout', '1s']);
      expect([short.code, short.stderr]).toEqual([
        124,
        expect.stringMatching(/^pawl: slow\/again is still being cancelled; .* nothing was started\./),
      ]);
      // With another plan: what is being cancelled does not stand in its way.
      second = rig.begin(['run', 'slow.yaml', '--set', 'steps=2', '--name', 'again']);
      await until(() => second.stdout().includes('slow/again is being cancelled: it starts again once that has ended'));
      expect(second.stdout()).not.toContain('submitted');
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const { code, stdout } = await second.outcome;
    expect(code).toBe(0);
    expect(stdout).toMatch(/slow\/again submitted[^]*slow\/again: done in/);
  }, 90_000);

  it('a gate that waits lets the run pass when it is approved, with who did it and why', async () => {
    const following = rig.begin(['run', 'asking.yaml', '--name', 'yes']);
    await until(() => following.stdout().includes('waits for approval, for '));
    expect((await rig.pawl(['status', 'asking/yes'])).stdout).toMatch(/gate +waiting .*waits for approval/);
    const wrong = await rig.pawl(['approve', 'asking/yes', '--gate', 'door']);
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      'pawl: asking/yes has no gate door that waits for approval. Waiting: gate\n',
    ]);
    const approved = await rig.pawl(['approve', 'asking/yes', '--note', 'figures look right']);
    expect([approved.code, approved.stdout]).toEqual([
      0,
      expect.stringMatching(/^gate of asking\/yes approved by \w+/),
    ]);
    const { code, stdout } = await following.outcome;
    expect(code).toBe(0);
    expect(stdout).toMatch(/gate +done .*approved by \w+: figures look right/);
    expect(stdout).toMatch(/after +done/);
  }, 60_000);

  it('a gate that is rejected ends the run with status 3, and nothing behind it runs', async () => {
    const following = rig.begin(['run', 'asking.yaml', '--name', 'no']);
    await until(() => following.stdout().includes('waits for approval, for '));
    expect((await rig.pawl(['reject', 'asking/no', '--note', 'too low', '--json'])).stdout).toMatch(
      /^{"type":"reject","workflowId":"asking\/no","gate":"gate","by":"\w+"}\n$/,
    );
    const { code, stdout } = await following.outcome;
    expect(code).toBe(3);
    expect(stdout).toMatch(/gate +failed .*rejected by \w+: too low/);
    expect(stdout).not.toMatch(/after +done/);
  }, 60_000);

  it('a gate inside a loop is approved turn by turn', async () => {
    const following = rig.begin(['run', 'turning.yaml', '--name', 'all']);
    for (const gate of ['turn[0].look', 'turn[1].look']) {
      await until(() => following.stdout().includes(`${gate}  waits for approval`));
      expect((await rig.pawl(['approve', 'turning/all', '--gate', gate])).code).toBe(0);
    }
    expect((await following.outcome).code).toBe(0);
  }, 60_000);

  it('refuses to join a run of another plan, and --new makes another run', async () => {
    await rig.pawl(['run', 'busy.yaml', '--set', 'steps=90', '--name', 'busy', '--detach']);
    const other = await rig.pawl(['run', 'busy.yaml', '--set', 'steps=91', '--name', 'busy']);
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/^pawl: busy\/busy is under way with another plan/),
    ]);
    const made = await rig.pawl(['run', 'busy.yaml', '--set', 'steps=1', '--name', 'busy', '--new']);
    expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('busy/busy-2: done')]);
    await rig.pawl(['cancel', 'busy/busy']);
  }, 60_000);

  it('a run that has ended is shown from the store when the servers are down; one that stands still says so', async () => {
    await rig.pawl(['run', 'slow.yaml', '--set', manySteps, '--name', 'halted', '--detach']);
    await until(async () => (await rig.pawl(['status', 'slow/halted'])).stdout.includes('of 20000'));
    expect((await rig.pawl(['down'])).stdout).toBe('stopped temporal, worker\n');
    const { code, stdout } = await rig.pawl(['status', 'good/first']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/good\/first: done in [\d.]+ s\n$/)]);
    expect((await rig.pawl(['status', 'slow/halted'])).stdout).toMatch(
      /^slow\/halted: was under way when Temporal was stopped, and stands still\.\n.*`pawl up` lets it go on/,
    );
    expect((await rig.pawl(['status', 'nonesuch/x'])).stderr).toMatch(
      /^pawl: There is no run nonesuch\/x in the store\./,
    );
  }, 60_000);
});

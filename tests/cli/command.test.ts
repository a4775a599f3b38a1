// pipelines/command.yaml with real servers: programs of a user, one of them killed on its way.
import { appendFileSync, cpSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunRecord, StepRecord } from '../../schemas/generated/records.js';
import { openStore } from '../../store/open.js';
import { readResult } from '../../store/results.js';
import { ensureBuilt, repository } from '../local/built.js';
import { pawlRig, type PawlRig } from './pawl-rig.js';

const python = join(repository, '.pawl', 'python', 'bin', 'python');

describe('pipelines/command.yaml', () => {
  let rig: PawlRig;
  beforeAll(async () => {
    await ensureBuilt();
    rig = await pawlRig();
    for (const name of ['command.yaml', 'command'])
      cpSync(join(repository, 'pipelines', name), join(rig.folder, name), { recursive: true });
    rig.env.PAWL_PYTHON = python;
    await rig.pawl(['up']);
  }, 120_000);
  afterAll(async () => rig.dispose(), 60_000);

  it('goes on at its checkpoint when its program is killed, with the same weights', async () => {
    const straight = await run(rig, []);
    expect(straight.steps).toEqual({ fit: 'done', check: 'done', gate: 'done' });
    const args = ['run', 'command.yaml', '--set', 'step_ms=30', '--json'];
    const killed = rig.begin(args);
    await killProgram(rig, 'train.py', 50);
    const { code, stdout, stderr } = await killed.outcome;
    expect([code, stderr]).toEqual([0, '']);
    const fit = recordIn(stdout).steps.find(({ path }) => path === 'fit');
    expect(fit?.resumedFrom).toBeGreaterThanOrEqual(10);
    expect(await treeOf(rig, fit)).toBe(await treeOf(rig, straight.fit));
  }, 60_000);

  it('takes the results from the store, until the code changes', async () => {
    expect((await run(rig, [])).steps).toEqual({ fit: 'cached', check: 'cached', gate: 'done' });
    appendFileSync(join(rig.folder, 'command', 'train.py'), '# changed\n');
    const { stdout } = await rig.pawl(['plan', 'command.yaml']);
    expect(stdout).toMatch(/RUN +fit +command +.*code/);
  }, 30_000);

  it('shows why a program failed', async () => {
    const last = 'sys.stderr.write("no room for the weights\\n"); sys.exit(10)\n';
    appendFileSync(join(rig.folder, 'command', 'train.py'), last);
    const { code, stdout } = await rig.pawl(['run', 'command.yaml', '--set', 'steps=1', '--json']);
    expect(code).toBe(4);
    expect(stdout).toContain('`python train.py` ended with exit code 10.');
    expect(stdout).toContain('no room for the weights');
  }, 60_000);
});

/** The record in the last line of `--json`. */
function recordIn(stdout: string): RunRecord {
  return (JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { record: RunRecord }).record;
}

async function run(
  rig: PawlRig,
  args: string[],
): Promise<{ steps: Record<string, StepRecord['state']>; fit: StepRecord | undefined }> {
  const { stdout, stderr, code } = await rig.pawl(['run', 'command.yaml', ...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  const { steps } = recordIn(stdout);
  return {
    steps: Object.fromEntries(steps.map(({ path, state }) => [path, state])),
    fit: steps.find(({ path }) => path === 'fit'),
  };
}

async function treeOf(rig: PawlRig, step: StepRecord | undefined): Promise<string | undefined> {
  const store = await openStore(join(rig.env.PAWL_HOME ?? '', 'store'));
  return (await readResult(store, step?.key ?? ''))?.outputs['weights']?.tree;
}

/** SIGKILL for the program of that name below the rig's home, once it has said so many lines. */
async function killProgram(rig: PawlRig, name: string, lines: number): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const said = linesOf(rig, pid, name);
      if (said < lines) continue;
      process.kill(Number(pid), 'SIGKILL');
      return;
    }
    await sleep(20);
  }
  throw new Error(`${name} never said ${lines} lines`);
}

/** How many events a process has appended; 0 when it is not the program. */
function linesOf(rig: PawlRig, pid: string, name: string): number {
  try {
    const [, script] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const folder = readlinkSync(`/proc/${pid}/cwd`);
    if (script !== name || !folder.startsWith(rig.folder)) return 0;
    return readFileSync(join(folder, '..', 'events.jsonl'), 'utf8').split('\n').length;
  } catch {
    return 0; // it has ended meanwhile
  }
}

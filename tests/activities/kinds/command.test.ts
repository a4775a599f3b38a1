// A user's program under the contract of commands: real processes, a real store.
import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { InputValue } from '../../../activities/calls.js';
import type { PulseDetails } from '../../../activities/pulse.js';
import * as validators from '../../../schemas/generated/validators.js';
import { journalPoints } from '../../../schemas/journal.js';
import { materialise } from '../../../store/artifacts.js';
import { newestCheckpoint } from '../../../store/checkpoints.js';
import { readJournal } from '../../../store/journals.js';
import { listLogs, readLogPart } from '../../../store/logs.js';
import { readResult } from '../../../store/results.js';
import { attempt, callOf, openBench, type Bench } from '../bench.js';
import { isAlive } from '../engine/fixture.js';
import { commandCall, type TestCommand } from './command-bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const sh = (line: string, more: Partial<TestCommand> = {}): TestCommand => ({ run: [line], shell: true, ...more });

const run = async (command: TestCommand, variables: Record<string, string> = {}) => {
  const call = await commandCall(bench, command);
  const programs = { ...bench.host.programs, variables: { ...bench.host.programs.variables, ...variables } };
  return { call, ...attempt(bench, call, { host: { programs } }) };
};

const failureOf = async (command: TestCommand, variables?: Record<string, string>): Promise<ApplicationFailure> => {
  const { outcome } = await run(command, variables);
  const error: unknown = await outcome.catch((reason: unknown) => reason);
  if (error instanceof ApplicationFailure) return error;
  throw new Error(`no ApplicationFailure: ${String(error)}`);
};

/** What an output of a call holds: text by path. */
async function filesOf(key: string, output: string): Promise<Record<string, string>> {
  const stored = (await readResult(bench.store, key))?.outputs[output];
  const folder = await materialise(bench.store, join(bench.home, 'look'), stored?.tree ?? '');
  const names = readdirSync(folder, { recursive: true }).map(String);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

const logs = (): string =>
  readdirSync(join(bench.home, 'logs', 'commands'))
    .map((name) => readFileSync(join(bench.home, 'logs', 'commands', name), 'utf8'))
    .join('');

describe('a command', () => {
  it('gets a job that names its inputs, outputs and seed, and hands out what it leaves', async () => {
    const nap = callOf(bench, 'test.sleep', { steps: 1, step_ms: 1, value: 4 });
    const before = await attempt(bench, nap).outcome;
    const copied = 'cp "$PAWL_JOB" "$PAWL_OUTPUTS/notes/job.json"; env > "$PAWL_OUTPUTS/notes/env"';
    const { call, outcome } = await run(
      sh(
        `${copied}; cp "$PAWL_INPUT_COUNTER/counter.json" "$PAWL_OUTPUTS/notes/" && echo '{"loss": 0.5}' > "$PAWL_OUTPUTS/metrics.json"`,
        {
          outputs: { notes: 'folder' },
          metrics: ['loss'],
          inputs: { lr: 0.01, layers: [1, 2], counter: before.outputs['folder'] as InputValue, absent: null },
          seeded: true,
        },
      ),
      { WANDB_API_KEY: 'not for everybody' },
    );
    expect(await outcome).toMatchObject({ metrics: { loss: 0.5 }, resumedFrom: null, hostQueue: null });
    const files = await filesOf(call.key, 'notes');
    const job: unknown = JSON.parse(files['job.json'] ?? '');
    expect(validators.commandJob(job), JSON.stringify(validators.commandJob.errors)).toBe(true);
    expect(job).toMatchObject({ step: 'train', attempt: 1, seed: call.seed, resume: null, checkpoints: null });
    expect(job).toMatchObject({ inputs: { lr: 0.01, layers: [1, 2], absent: null, counter: { type: 'folder' } } });
    expect(files['counter.json']).toBe('{"steps":1,"value":4}');
    const names = files['env']?.split('\n').map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['PATH', 'PAWL_SEED', 'PAWL_INPUT_LR']));
    expect(files['env']).not.toContain('everybody');
    expect(names?.filter((name) => /^(TEMPORAL|WANDB|NODE|npm)/.test(name ?? ''))).toEqual([]);
  });

  it('is started without a shell, in a copy of its code that it cannot spoil', async () => {
    const code = { 'go.sh': '#!/bin/sh\nset -e\nls -l go.sh lib > "$PAWL_OUTPUTS/notes/ls"\nprintf "%s|" "$@" > "$PAWL_OUTPUTS/notes/args"\nrm go.sh\n', 'lib/a.txt': 'a', '.git/x': 'x', '__pycache__/y.pyc': 'y' }; // prettier-ignore
    const command = { run: ['./go.sh', '$HOME; *', 'two words'], code, outputs: { notes: 'folder' as const } };
    const { call, outcome } = await run(command);
    await outcome;
    const files = await filesOf(call.key, 'notes');
    expect(files['args']).toBe('$HOME; *|two words|');
    expect(files['ls']).toMatch(/^-r-xr-xr-x.*go\.sh$/m);
    expect(files['ls']).toMatch(/^-r--r--r--.*a\.txt$/m);
    // The same code again, for another key: the copy in the cache is whole.
    const again = await run({ ...command, run: ['./go.sh', 'b'] });
    await again.outcome;
    expect((await filesOf(again.call.key, 'notes'))['args']).toBe('b|');
  });

  it('of a single file finds it under its name', async () => {
    const { call, outcome } = await run({
      run: ['python3', 'count.py'],
      code: { 'count.py': 'import os\nopen(os.environ["PAWL_OUTPUTS"] + "/n/x", "w").write("1")\n' },
      file: 'count.py',
      outputs: { n: 'folder' },
    });
    await outcome;
    expect(await filesOf(call.key, 'n')).toEqual({ x: '1' });
  });

  it('shows progress and metrics as it goes; what it did not declare is left out', async () => {
    const event = (text: string): string => `echo '${text}' >> "$PAWL_EVENTS"`;
    const lines = [
      event('{"type": "progress", "step": 1, "total": 2, "text": "half"}'),
      event('{"type": "metrics", "step": 1, "values": {"loss": NaN, "other": 1}}'),
      event('no event'),
      'sleep 0.3',
      `printf '%s' '{"type": "metrics", "step": 2, "values": {"loss": 0.25}}' >> "$PAWL_EVENTS"`,
    ];
    const { call, outcome, heartbeats } = await run(sh(lines.join('\n'), { metrics: ['loss'] }));
    expect((await outcome).metrics).toEqual({ loss: 0.25 });
    const seen = (details: PulseDetails): boolean => details.text === 'half' && details.total === 2;
    expect(heartbeats.some(seen)).toBe(true);
    const result = await readResult(bench.store, call.key);
    const journal = await readJournal(bench.store, { key: call.key, attempt: result?.journal ?? '' });
    const points = journalPoints(journal).map(({ step, values }) => ({ step, values }));
    expect(points).toEqual([{ step: 1, values: { loss: null } }, { step: 2, values: { loss: 0.25 } }]); // prettier-ignore
  });
});

describe('a command that fails', () => {
  it.each<[string, TestCommand, string, RegExp]>([
    ['an exit code of the table', sh('echo the reason >&2; exit 12'), 'oom', /ended with exit code 12\.\nIts last lines \(.*\.log\):\nthe reason$/],
    ['another exit code', sh('exit 3'), 'trainer_crash', /ended with exit code 3\. It wrote nothing/],
    ['SIGTERM from outside', sh('kill -TERM $$'), 'preempted', /was ended by SIGTERM/],
    ['SIGKILL from outside', sh('kill -KILL $$'), 'trainer_crash', /was ended by SIGKILL.*out of memory/],
    ['no such program', { run: ['nonesuch'] }, 'config', /no program `nonesuch` on this worker/],
    ['no program', { run: ['./a.py'], code: { 'a.py': 'x' } }, 'config', /begins with #!/],
    ['a shell without the program', sh('nonesuch'), 'config', /exit code 127[^]*nonesuch/],
    ['an output that is not there', sh('true', { outputs: { model: 'folder' } }), 'data', /left nothing in \$PAWL_OUTPUTS\/model/],
    ['an output of another type', sh('echo {} > $PAWL_OUTPUTS/m/pawl.json', { outputs: { m: 'model' } }), 'data', /output `m` of the command is no model/],
    ['a metric that is not there', sh('true', { metrics: ['loss', 'f1'] }), 'data', /did not report the declared metrics `loss`, `f1`/],
    ['figures that are none', sh('echo [1] > $PAWL_OUTPUTS/metrics.json', { metrics: ['loss'] }), 'data', /metrics\.json .* is no JSON object/],
    ['what it says itself', sh(`echo '{"type": "failed", "class": "non_finite", "message": "the loss is NaN"}' >> $PAWL_EVENTS; exit 1`), 'non_finite', /^the loss is NaN$/],
    ['a checkpoint elsewhere', sh(`echo '{"type": "checkpoint", "step": 1, "path": "../code"}' >> $PAWL_EVENTS; sleep 60`, { checkpoints: true }), 'data', /no folder below \$PAWL_CHECKPOINTS/],
  ])('%s', async (_case, command, failureClass, message) => {
    const failure = await failureOf(command);
    expect([failure.type, failure.message]).toEqual([failureClass, expect.stringMatching(message)]);
  }); // prettier-ignore

  it('for want of a variable is not started', async () => {
    const failure = await failureOf(sh('touch ran', { env: ['HF_TOKEN', 'WANDB_API_KEY'] }), { HF_TOKEN: 'x' });
    expect(failure).toMatchObject({ type: 'config', nonRetryable: true });
    expect(failure.message).toMatch(
      /^train needs the environment variable `WANDB_API_KEY`, which the worker does not have/,
    );
  });

  it('keeps secrets out of logs, messages and events', async () => {
    const line = `echo "got $HF_TOKEN"; printf %s "$HF_TOKEN" >&2; echo '{"type": "failed", "message": "bad token '$HF_TOKEN'"}' >> $PAWL_EVENTS; exit 1`;
    const failure = await failureOf(sh(line, { env: ['HF_TOKEN'] }), { HF_TOKEN: 'hf_s3cret' });
    expect(JSON.stringify([failure.message, failure.details])).not.toContain('s3cret');
    expect(failure.message).toBe('bad token ***');
    expect(logs()).toBe('got ***\n***\n');
    const [kept] = await listLogs(bench.store, bench.run.workflowId);
    const text = kept === undefined ? '' : await readLogPart(bench.store, kept, 0);
    expect(text).toMatch(/Z got \*\*\*\n\S+Z \*\*\*\n\S+Z \| failed \[trainer_crash\]: bad token \*\*\*\n$/);
  });
});

/** Counts to `steps` with a checkpoint a step; dies without a word at `die`, on its first attempt. */
const counter = `import json, os, signal, sys, time
job = json.load(open(os.environ["PAWL_JOB"]))
events = open(os.environ["PAWL_EVENTS"], "a", buffering=1)
say = lambda **event: print(json.dumps(event), file=events)
step = json.load(open(job["resume"]["path"] + "/state.json")) if job["resume"] else 0
def save(*_):
    os.makedirs(f'{job["checkpoints"]}/{step}')
    json.dump(step, open(f'{job["checkpoints"]}/{step}/state.json', "w"))
    say(type="checkpoint", step=step)
def stop(*_):
    save()
    sys.exit(15)
signal.signal(signal.SIGTERM, stop)
while step < job["inputs"]["steps"]:
    step += 1
    say(type="progress", step=step, text=str(os.getpid()))
    if step == job["inputs"].get("wait"):
        os.system("sleep 60 &")
        time.sleep(60)
    if job["inputs"].get("save", True):
        save()
    if step == job["inputs"].get("die") and job["attempt"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)
json.dump({"steps": step}, open(job["outputs"]["count"] + "/count.json", "w"))
`;
const counting = (inputs: Record<string, InputValue>): TestCommand => ({
  run: ['python3', 'count.py'],
  code: { 'count.py': counter },
  outputs: { count: 'folder' },
  inputs,
  checkpoints: true,
});

describe('the checkpoints of a command', () => {
  it('are where the next attempt goes on, with the same result', async () => {
    const straight = await run(counting({ steps: 5 }));
    await straight.outcome;
    const { call, outcome } = await run(counting({ steps: 5, die: 3 }));
    await expect(outcome).rejects.toMatchObject({ type: 'trainer_crash', nonRetryable: false });
    expect((await newestCheckpoint(bench.store, call.checkpointKey))?.step).toBe(3);
    const second = await attempt(bench, call, { number: 2 }).outcome;
    expect(second.resumedFrom).toBe(3);
    const tree = async (key: string) => (await readResult(bench.store, key))?.outputs['count']?.tree;
    expect(await tree(call.key)).toBe(await tree(straight.call.key));
  });

  it('are taken once more when it is cancelled, and nothing of it is left', async () => {
    const { call, outcome, environment, heartbeats } = await run(counting({ steps: 9, wait: 4, save: false }));
    for (let i = 0; i < 200 && heartbeats.at(-1)?.step !== 4; i++) await new Promise((wake) => setTimeout(wake, 50));
    const pid = Number(heartbeats.at(-1)?.text);
    expect(await isAlive(pid)).toBe(true);
    const group = await groupOf(pid);
    environment.cancel();
    await expect(outcome).rejects.toThrow('CANCELLED');
    expect(await isAlive(pid)).toBe(false);
    expect(await membersOf(group)).toEqual([]);
    expect((await newestCheckpoint(bench.store, call.checkpointKey))?.step).toBe(4);
    // Nobody waits for its folder to be removed.
    await vi.waitFor(() => expect(readdirSync(bench.host.workRoot)).toEqual(['worker.json']), 10_000);
  });
});

const groupOf = async (pid: number): Promise<string> =>
  (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[2] ?? '';

/** Processes of a group that are not just waiting to be reaped. */
async function membersOf(group: string): Promise<string[]> {
  const members: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    const [state, , pgrp] = text.split(') ')[1]?.split(' ') ?? [];
    if (pgrp === group && state !== 'Z') members.push(pid);
  }
  return members;
}

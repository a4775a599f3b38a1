import { describe, expect, it } from 'vitest';
import { clockTime, duration, mainMetrics, shortNumber } from '../../cli/numbers.js';
import { collectSet, runNameOf, seedOf, timeoutOf } from '../../cli/options.js';
import { createProgress } from '../../cli/progress.js';
import { runDetails, runSummary } from '../../cli/run-details.js';
import { exitCodeOf } from '../../cli/summary.js';
import { table } from '../../cli/table.js';
import type { PendingStep, RunLook } from '../../cli/look.js';
import type { Plan } from '../../schemas/generated/plan.js';
import type { StatusView, StepView } from '../../workflows/status.js';

describe('numbers', () => {
  it.each([
    [0.000123456, '0.0001235'],
    [12, '12'],
    [3.14159, '3.142'],
    [null, '-'],
    [Number.NaN, '-'],
  ])('%s reads %s', (value, text) => expect(shortNumber(value)).toBe(text));

  it('of time read as people say them', () => {
    expect([duration(0.44), duration(65), duration(7500)]).toEqual(['0.4 s', '1m05s', '2h05m']);
    expect([clockTime(5_000), clockTime(3_723_000)]).toEqual(['0:05', '1:02:03']);
  });

  it('of a loop are named by their step, those with a goal first', () => {
    const metrics = { refresh: { drift: 0.1, encoded: 250 }, reward: { reward_std: 1, reward_mean: 0.3 } };
    expect(mainMetrics(metrics, 2)).toBe('reward.reward_mean 0.3, refresh.encoded 250');
  });
});

describe('options', () => {
  it('of --set gather, and keep an equals sign in the value', () => {
    expect(collectSet('b=x=y', { a: '1' })).toEqual({ a: '1', b: 'x=y' });
  });

  it.each([
    [() => collectSet('lr', {}), '--set takes name=value, and got `lr`'],
    [() => seedOf('-1'), '--seed takes a whole number from 0, and got `-1`'],
    [() => timeoutOf('5 minutes'), '--timeout takes a duration such as 90s, 15m or 2h30m, and got `5 minutes`'],
    [() => timeoutOf(''), '--timeout takes a duration such as 90s, 15m or 2h30m, and got ``'],
  ])('that do not read say what they take', (read, message) => expect(read).toThrow(message));

  it('of a name take what a workflow id may hold', () => {
    expect(runNameOf('nightly-2.1')).toBe('nightly-2.1');
    expect(() => runNameOf("a'/b")).toThrow('--name takes up to 100 letters');
    expect(timeoutOf('2h30m')).toBe(9_000_000);
  });
});

it('a table aligns its columns, and numbers to the right', () => {
  expect(table([['a', '1'], ['bcd', '10'], ['e']], [1])).toEqual(['a     1', 'bcd  10', 'e']);
});

it('the state of a run decides the exit status', () => {
  const codes = (['done', 'gate_failed', 'failed', 'cancelled'] as const).map((state) => exitCodeOf({ state }));
  expect(codes).toEqual([0, 3, 4, 6]);
});

describe('what the Temporal UI is given', () => {
  const plan: Plan = {
    irVersion: 1,
    expressions: 'cel',
    name: 'demo',
    seed: 1,
    params: { lr: 0.1 },
    kinds: {},
    steps: {},
    outputs: {},
    metrics: {},
  };

  it('names a fanned-out step once', () => {
    const cells = [1, 2].map((x) => ({ name: `try[x=${x}]`, matrix: { x } }));
    const deps = cells.map(({ name }) => name);
    const fanned = { node: 'matrix' as const, deps, cells, best: null, else: null, summary: '' };
    const gate = { node: 'gate' as const, deps: ['try'], if: null, assert: [], approve: null, summary: '' };
    const cell = { ...gate, node: 'step' as const } as unknown as Plan['steps'][string];
    const steps = { 'try[x=1]': cell, 'try[x=2]': cell, try: fanned, gate };
    expect(runSummary({ plan: { ...plan, steps }, file: 'demo.yaml' })).toBe('demo.yaml: try, gate');
  });

  it('fits, whatever the size of the file', () => {
    const details = runDetails({
      plan,
      file: 'a/demo.yaml',
      text: 'ä'.repeat(30_000),
      workflowId: 'demo/1',
      planHash: 'sha256:1',
      gitCommit: null,
    });
    expect(Buffer.byteLength(details)).toBeLessThanOrEqual(16_000);
    expect(details).toContain('| lr | `0.1` |');
    expect(details.endsWith('ä…')).toBe(true);
    expect(runSummary({ plan, file: 'a/demo.yaml' })).toBe('demo.yaml: ');
  });
});

describe('progress', () => {
  const step = (path: string, state: StepView['state'], more: Partial<StepView> = {}): StepView => ({
    ...{ path, kind: 'test.sleep', state, reason: null, key: null, iteration: null, startedAt: 1, endedAt: null },
    ...{ seconds: 1.5, attempts: 1, resumedFrom: null, metrics: {}, failure: null, clicks: null, ...more },
  });
  const pending = (attempt: number, position: number, checkpointStep: number | null): PendingStep => ({
    ...{ path: 'sft', kind: 'train.sft', attempt, isStarted: true, scheduledMs: 0 },
    pulse: {
      ...{ step: position, total: 144, text: '', metrics: { loss: 2.5 }, checkpointStep, attempt },
      attemptsWithoutProgress: 1,
      startedFrom: null,
    },
    lastFailure: attempt === 1 ? null : { type: 'worker_lost', message: 'activity Heartbeat timeout' },
  });
  const look = (steps: StepView[], pendingSteps: PendingStep[] = []): RunLook => {
    const status: StatusView = {
      ...{
        workflowId: 'demo/1',
        runId: '1',
        pipeline: 'demo',
        planHash: '',
        state: 'running',
        startedAt: 0,
        endedAt: null,
      },
      ...{ steps, loops: [], loop: null, paused: null, approvals: [], failures: [] },
    };
    return {
      root: {
        workflowId: 'demo/1',
        runId: '1',
        firstRunId: '1',
        state: 'RUNNING',
        status,
        pending: pendingSteps,
        task: null,
        answers: true,
      },
      loops: [],
    };
  };

  it('says each start and end once, the end of one before the start of the next', () => {
    const next = createProgress();
    expect(next(look([step('a', 'running')]), 0).map(({ text }) => text)).toEqual(['test.sleep started']);
    expect(next(look([step('a', 'running')]), 1)).toEqual([]);
    const lines = next(
      look([
        step('b', 'running', { startedAt: 10 }),
        step('a', 'done', { endedAt: 9, attempts: 2, metrics: { value: 7 } }),
      ]),
      2,
    );
    expect(lines.map(({ path, text }) => `${path} ${text}`)).toEqual([
      'a done in 1.5 s at attempt 2  value 7',
      'b test.sleep started',
    ]);
  });

  it('says at most every five seconds how far a step is, and each new attempt with its cause at once', () => {
    const next = createProgress();
    expect(next(look([], [pending(1, 10, null)]), 0)[0]?.text).toBe('10 of 144  loss 2.5');
    expect(next(look([], [pending(1, 20, 20)]), 1_000)).toEqual([]);
    expect(next(look([], [pending(1, 30, 20)]), 6_000)[0]).toEqual({
      path: 'sft',
      event: 'checkpoint',
      text: '30 of 144  loss 2.5  checkpoint at 20',
    });
    expect(next(look([], [pending(2, 20, 20)]), 7_000)[0]?.text).toBe(
      'attempt 2: activity Heartbeat timeout [worker_lost]',
    );
  });

  it('names the class and the message of a failure', () => {
    const failure = { path: 'a', class: 'oom' as const, message: 'no memory', hint: '' };
    expect(createProgress()(look([step('a', 'failed', { failure })]), 0)[0]?.text).toBe('failed [oom]: no memory');
  });
});

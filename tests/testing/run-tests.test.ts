// What `pawl test` can say about a pipeline, case by case. Each expectation is tried in a way that it holds and in one
// that it does not: golden/unmet.test.yaml.
import { describe, expect, it } from 'vitest';
import { run, runFile } from './run-file.js';

const nap = 'uses: test.sleep';
const ok = (...lines: string[]): string => lines.map((line) => `ok  ${line}`).join('\n');

describe('a faked step', () => {
  it('succeeds at once, with an artifact for each output and no metrics, unless told otherwise', async () => {
    const steps = `a: { ${nap} }\nb: { ${nap}, with: { previous: "\${{ steps.a.outputs.folder }}" } }`;
    const more =
      'outputs: { made: "${{ steps.b.outputs.folder }}" }\nmetrics: { value: "${{ steps.a.metrics.value }}" }\n';
    const cases = 'all:\n  expect: { ran: [a, b], outputs: { made: b }, metrics: { value: null }, took: 0s }';
    expect(await run(steps, cases, more)).toBe(ok('all  (0s)'));
  });

  it('has metrics from its inputs, its iteration and the params; the last of a list holds on', async () => {
    const steps = `
loop:
  loop:
    max: \${{ params.turns }}
    carry: { n: { type: integer, init: 0, next: "\${{ iter.index }}" } }
    steps:
      work: { ${nap}, with: { value: "\${{ iter.index * 10 }}" } }
`;
    const more =
      'metrics: { value: "${{ steps.loop.metrics.work.value }}", steps: "${{ steps.loop.metrics.work.steps }}" }\n';
    const cases = `
computed:
  steps: { loop.work: { metrics: { value: "\${{ inputs.value + params.bar + iter.index }}", steps: [7, 9] } } }
  expect: { metrics: { value: 22.5, steps: 9 } }
the path with an index counts more:
  steps:
    "loop[2].work": { metrics: { value: 5 } }
    loop.work: { metrics: { value: 1, steps: 4 } }
  expect: { metrics: { value: 5, steps: 4 } }
`;
    expect(await run(steps, cases, more)).toBe(ok('computed  (0s)', 'the path with an index counts more  (0s)'));
  });

  it('fails as often as told, is tried again as the pipeline says, with pauses that double', async () => {
    const steps = `a: { ${nap}, checkpoint: { every: 100 steps } }`;
    const cases = `
twice:
  steps: { a: { takes: 10m, fails: [{ class: comm }, { class: preempted, after: 1m }] } }
  expect: { attempts: { a: 3 }, took: 24m }
for good:
  steps: { a: { fails: [{ class: non_finite, message: the loss is NaN }] } }
  expect: { state: failed, failed: { a: non_finite }, message: the loss is NaN, attempts: { a: 1 } }
`;
    expect(await run(steps, cases)).toBe(ok('twice  (24m)', 'for good  (0s)'));
  });

  it('goes on from what its checkpoints kept', async () => {
    const steps = `a: { ${nap}, checkpoint: { every: 10m } }`;
    const cases = `
by its own policy:
  steps: { a: { takes: 60m, fails: [{ class: preempted, after: 25m }] } }
  expect: { took: 1h6m }                         # 25m, 1m pause, and the 40m that were not kept
by the word of the test:
  steps: { a: { takes: 60m, fails: [{ class: preempted, after: 25m, kept: 25m }] } }
  expect: { took: 1h1m }
`;
    expect(await run(steps, cases)).toBe(ok('by its own policy  (1h6m)', 'by the word of the test  (1h1m)'));
  });

  it('is stopped by its timeout and its deadline', async () => {
    const steps = `a: { ${nap}, timeout: 5m, checkpoint: { every: 100 steps } }\nb: { ${nap}, deadline: 7m, needs: [a], with: { value: 2 } }`;
    const cases = `
too slow:
  steps: { a: { takes: 6m } }
  expect: { state: failed, failed: { a: timeout }, skipped: [b] }
over the deadline:
  steps: { b: { takes: 8m } }
  expect: { state: failed, failed: { b: timeout }, message: deadline, took: 7m }
`;
    expect(await run(steps, cases)).toMatch(/^ok {2}too slow .*\nok {2}over the deadline {2}\(7m\)$/);
  });

  it('can be in the store already', async () => {
    const steps = `a: { ${nap} }\nb: { ${nap}, with: { previous: "\${{ steps.a.outputs.folder }}" } }`;
    const cases =
      'a is:\n  steps: { a: { cached: true, takes: 1h } }\n  expect: { cached: [a], not-run: [a], ran-only: [b] }';
    expect(await run(steps, cases)).toBe(ok('a is  (0s)'));
  });
});

describe('a case', () => {
  it('sees what a condition skips, and why', async () => {
    const steps = `
a: { ${nap} }
b: { ${nap}, with: { value: 2 }, if: "\${{ steps.a.metrics.value > params.bar }}" }
c: { ${nap}, with: { previous: "\${{ steps.b.outputs.folder }}" } }
`;
    const cases = `
below: { steps: { a: { metrics: { value: 0.1 } } }, expect: { skipped: { b: steps.a.metrics.value > params.bar, c: was skipped } } }
above: { steps: { a: { metrics: { value: 0.9 } } }, expect: { ran: [b, c] } }
`;
    expect(await run(steps, cases)).toBe(ok('below  (0s)', 'above  (0s)'));
  });

  it('decides gates, each iteration of a loop by itself', async () => {
    const steps = `
loop:
  loop:
    max: 3
    carry: { n: { type: integer, init: 0, next: "\${{ iter.index }}" } }
    steps:
      ask: { gate: { assert: ["\${{ iter.index >= 0 }}"], approve: { timeout: 48h, on-timeout: reject } } }
`;
    const cases = `
all approved:
  approve: { loop.ask: { after: 2h, by: ada, note: fine } }
  expect: { took: 6h, waited-for-approval: [loop.ask], iterations: { loop: 3 } }
the last rejected:
  approve: { loop.ask: }
  reject: { "loop[2].ask": { after: 1h, by: bob, note: too slow } }
  expect:
    state: gate-failed
    message: "rejected by bob: too slow"
    failed: { "loop[2].ask": gate }
    iterations: { loop: 2 }
    took: 1h
nobody:
  expect: { state: gate-failed, took: 48h, waited-for-approval: ["loop[0].ask"], message: nobody decided }
`;
    expect(await run(steps, cases)).toBe(ok('all approved  (6h)', 'the last rejected  (1h)', 'nobody  (48h)'));
  });

  it('pauses and cancels; what is stopped keeps its work', async () => {
    const steps = `a: { ${nap} }\nb: { ${nap}, needs: [a] }`;
    const cases = `
paused: { steps: { a: { takes: 1h } }, pause: { at: 10m, for: 5h, now: true }, expect: { took: 6h, attempts: { a: 2 } } }
cancelled: { steps: { a: { takes: 1h } }, cancel: { at: 20m }, expect: { state: cancelled, not-run: [b], took: 20m } }
resumed: { after: cancelled, steps: { a: { takes: 1h } }, expect: { took: 40m } }
`;
    expect(await run(steps, cases)).toBe(ok('paused  (6h)', 'cancelled  (20m)', 'resumed  (40m)'));
  });

  it('finds in the store what the case before it left, and only that', async () => {
    const steps = `a: { ${nap}, with: { value: "\${{ params.bar }}" } }\nb: { ${nap}, with: { steps: 9 }, cache: false }`;
    const cases = `
third: { after: second, expect: { cached: [a], ran-only: [b] } }
second: { after: first, set: { bar: 0.7 }, expect: { ran: [a] } }
first: { expect: { ran: [a, b] } }
apart: { expect: { ran: [a, b] } }
`;
    expect(await run(steps, cases)).toBe(ok('third  (0s)', 'second  (0s)', 'first  (0s)', 'apart  (0s)'));
  });

  it('makes a loop go back to its last click when uncommitted results are lost', async () => {
    const steps = `
loop:
  loop:
    max: 4
    carry: { n: { type: integer, init: 0, next: "\${{ iter.index }}" } }
    steps:
      work: { ${nap}, with: { value: "\${{ iter.index }}" }, cache: false }
`;
    const cases = `
lost:
  steps: { "loop[3].work": { fails: [{ class: volatile_lost, times: 3 }] } }
  expect: { iterations: { loop: 4 }, attempts: { "loop[3].work": 4, "loop[0].work": 1 } }
`;
    expect(await run(steps, cases)).toMatch(/^ok {2}lost/);
  });

  it('looks into loops in loops', async () => {
    const steps = `
outer:
  loop:
    max: 2
    carry: { n: { type: integer, init: 0, next: "\${{ iter.index }}" } }
    steps:
      before: { ${nap}, with: { value: "\${{ 100 + iter.index }}" } }
      inner:
        loop:
          max: 3
          until: \${{ steps.work.metrics.value > 1.0 }}
          carry: { m: { type: integer, init: 0, next: "\${{ iter.index }}" } }
          steps:
            work: { ${nap}, with: { value: "\${{ iter.index }}", previous: "\${{ steps.before.outputs.folder }}" } }
`;
    const cases = `
turns:
  steps:
    outer.inner.work: { metrics: { value: "\${{ iter.index }}" } }
    "outer[1].inner.work": { metrics: { value: 9 } }
  expect:
    iterations: { outer: 2, "outer[0].inner": 3, "outer[1].inner": 1 }
    ran: { outer.inner.work: 4, "outer[0].inner.work": 3 }
`;
    expect(await run(steps, cases)).toBe(ok('turns  (0s)'));
  });

  it('runs a command like any step', async () => {
    const files = {
      'p.yaml': `pawl: 1
name: both
steps:
  count: { uses: command, run: [wc, -l], outputs: { lines: folder }, metrics: { lines: {} } }
  gate: { gate: { assert: ["\${{ steps.count.metrics.lines > 3.0 }}"] } }
`,
      't.yaml': `pipeline: ./p.yaml
cases:
  both:
    steps: { count: { takes: 3m, metrics: { lines: 4 } } }
    expect: { ran: [count, gate], took: 3m }
`,
    };
    const { cases, diagnostics } = await runFile(files, 't.yaml');
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(cases).toMatchObject([{ name: 'both', failures: [], tookMs: 180_000 }]);
  });

  it('is chosen by a part of its name; what it comes after runs unseen', async () => {
    const files = {
      'p.yaml': `pawl: 1\nname: p\nsteps:\n  a: { ${nap} }\n`,
      't.yaml': 'pipeline: ./p.yaml\ncases:\n  one:\n  two: { after: one, expect: { cached: [a] } }\n',
    };
    const { cases } = await runFile(files, 't.yaml', 'tw');
    expect(cases).toMatchObject([{ name: 'two', failures: [] }]);
  });
});

describe('a step with a matrix', () => {
  const steps = `
try:
  ${nap}
  matrix: { lr: [1e-3, 2], seed: [1, 2] }
  best: { metric: value, goal: maximize }
  with: { value: "\${{ matrix.lr }}", steps: "\${{ matrix.seed }}" }
last: { ${nap}, with: { value: 7, previous: "\${{ steps.try.best.outputs.folder }}" } }
`;
  const more = 'outputs: { best: "${{ steps.try.best.outputs.folder }}" }\n';

  it('is named as a whole, by some of its axes, or by one cell', async () => {
    const cases = `
all:
  steps:
    "try[lr=2,seed=1]": { metrics: { value: 100 } }
    "try[lr=1e-3]": { takes: 5m }
    try: { takes: 1m, metrics: { value: "\${{ matrix.seed }}" } }
  expect:
    ran: { try: 4, "try[seed=2]": 2, "try[seed=2,lr=0.001]": 1 }
    outputs: { best: "try[lr=2]" }
    took: 5m
    assert: ["\${{ steps.try.metrics.value == 100.0 }}", "\${{ steps['try[lr=2,seed=1]'].attempts == 1 }}"]
`;
    expect(await run(steps, cases, more)).toBe(ok('all  (5m)'));
  });

  it('is told which metric picks its best when no fake gives it', async () => {
    expect(await run(steps, 'all:', more)).toBe(
      [
        'FAIL  all  (0s)',
        '      t.yaml:3:3: `try` picks its best cell by the metric `value` of `try`, and no fake gives it',
        '        3 |   all:',
        '          |   ^^^',
        '        = under `steps` of the case, or of the file: try: { metrics: { value: 0.5 } }',
      ].join('\n'),
    );
  });

  it('has no other cells than its own', async () => {
    const cases = 'all:\n  expect: { ran: ["try[lr=3]", "try[lr=0.01,seed=1]"] }';
    const text = await run(steps, cases, more);
    expect(text.match(/has no such cell/g)).toHaveLength(2);
    expect(text).toContain('did you mean `try[lr=0.001,seed=1]`?');
  });

  it('may have a fake in the file for a cell that only some cases have', async () => {
    const files = {
      'p.yaml': `pawl: 1
name: p
params: { values: { type: list, default: [1, 2] } }
steps:
  try: { ${nap}, matrix: { value: "\${{ params.values }}" }, with: { value: "\${{ matrix.value }}" } }
`,
      't.yaml': `pipeline: ./p.yaml
steps: { "try[value=3]": { takes: 1h } }
cases:
  without:
  with: { set: { values: [3] }, expect: { took: 1h } }
`,
    };
    const { cases, diagnostics } = await runFile(files, 't.yaml');
    expect(diagnostics).toEqual([]);
    expect(cases.map(({ failures }) => failures)).toEqual([[], []]);
    const only = await runFile({ ...files, 't.yaml': files['t.yaml'].replace(/ {2}with:.*\n/, '') }, 't.yaml');
    expect(only.diagnostics).toMatchObject([{ code: 'unknown-reference', message: '`try` has no such cell' }]);
  });
});

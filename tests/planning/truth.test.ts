// `plan` tells the truth: what it says before an edit is run is what the run then does.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlannedStep } from '../../planning/planned-step.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { acquireClaim, releaseClaim } from '../../store/claims.js';
import { readResult } from '../../store/results.js';
import { names } from '../../store/store.js';
import { openBench } from '../activities/bench.js';
import type { Bench } from '../activities/bench.js';
import { compareWithRun, drawKind, truthRig, writeBeir } from './truth-rig.js';
import type { Edit, TruthRig } from './truth-rig.js';

const text = `pawl: 1
name: truth
params:
  value: { type: number, default: 1 }
  scale: { type: number, default: 2 }
  steps: { type: integer, default: 2 }
  iterations: { type: integer, default: 2 }
  deep: { type: boolean, default: true }
steps:
  corpus: { uses: data.jsonl, with: { folder: beir } }
  drawn: { uses: test.draw, with: { notes: notes.txt, scale: "\${{ params.scale }}" } }
  first: { uses: test.sleep, checkpoint: { every: 1 steps }, with: { steps: "\${{ params.steps }}", step_ms: 0, value: "\${{ params.value }}" } }
  after: { uses: test.sleep, with: { step_ms: 0, previous: "\${{ steps.drawn.outputs.folder }}" } }
  measured: { uses: test.sleep, with: { step_ms: 0, value: "\${{ steps.first.metrics.value * 2.0 }}" } }
  large: { uses: test.sleep, if: "\${{ steps.drawn.metrics.value > 2.5 }}", with: { step_ms: 0, value: 11 } }
  deep: { uses: test.sleep, if: "\${{ params.deep }}", with: { step_ms: 0, value: 12 } }
  deeper: { uses: test.sleep, with: { step_ms: 0, value: 13, previous: "\${{ steps.deep.outputs.folder }}" } }
  own: { uses: test.sleep, cache: false, with: { step_ms: 0, value: "\${{ params.value }}" } }
  turn:
    loop:
      max: "\${{ params.iterations }}"
      until: "\${{ steps.work.metrics.value > 5.0 }}"
      carry: { last: { type: folder, init: "\${{ steps.first.outputs.folder }}", next: "\${{ steps.work.outputs.folder }}" } }
      steps:
        work: { uses: test.sleep, with: { steps: 1, step_ms: 0, previous: "\${{ carry.last }}", value: "\${{ iter.index }}" } }
        check: { uses: test.sleep, if: "\${{ iter.index % 2 == 0 }}", with: { steps: 1, step_ms: 0, value: "\${{ steps.work.metrics.value + 100.0 }}" } }
  last: { uses: test.sleep, with: { step_ms: 0, previous: "\${{ steps.turn.outputs.last }}" } }
  gate: { gate: { assert: [ "\${{ steps.first.metrics.value >= 1.0 }}" ] } }
  behind: { uses: test.sleep, needs: [gate], with: { step_ms: 0, value: "\${{ params.value + 50.0 }}" } }
outputs: { folder: "\${{ steps.last.outputs.folder }}" }
`;
const top = [...text.matchAll(/^ {2}([a-z]+): \{ uses|^ {2}([a-z]+):$/gm)].map((match) => match[1] ?? match[2] ?? '');

let bench: Bench;
let folder: string;
let rig: TruthRig;
/** As edits leave it: each builds on those before. */
let now: Edit = { text, set: {}, seed: 1, python: '3.11.2' };

beforeAll(async () => {
  bench = await openBench();
  folder = mkdtempSync(join(tmpdir(), 'pawl-truth-'));
  mkdirSync(join(folder, 'beir'));
  writeBeir(join(folder, 'beir'), 'a red stone');
  cpSync(join(folder, 'beir'), join(folder, 'copy'), { recursive: true });
  writeFileSync(join(folder, 'notes.txt'), 'one');
  rig = truthRig(bench, folder);
});
afterAll(async () => {
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Plans, runs, compares; then nothing is left to do. Returns what was planned. */
async function planThenRun(change: Partial<Edit> = {}): Promise<Map<string, PlannedStep>> {
  now = { ...now, ...change };
  const planned = await rig.look(now);
  compareWithRun(planned, await rig.run(now));
  const after = [...(await rig.look(now))].filter(([, { state }]) => !['CACHED', 'SKIPPED'].includes(state));
  expect(after.map(([path]) => path).filter((path) => path !== 'gate')).toEqual([]);
  return planned;
}

const set = (params: Record<string, unknown>): Partial<Edit> => ({ set: { ...now.set, ...params } });
const inState = (planned: Map<string, PlannedStep>, ...states: string[]): string[] =>
  [...planned].filter(([, { state }]) => states.includes(state)).map(([path]) => path);
/** What runs by the plan; `gate` always does, and `own` in every run of another plan. */
const runsIn = (planned: Map<string, PlannedStep>): string[] =>
  inState(planned, 'RUN').filter((path) => path !== 'gate' && path !== 'own');
const reasonOf = (planned: Map<string, PlannedStep>, path: string): string | undefined => planned.get(path)?.reason;

describe('what plan says of an edit is what the run then does', () => {
  it('an empty store: all runs but what a metric or a constant decides', async () => {
    const planned = await planThenRun();
    expect(inState(planned, 'PENDING')).toEqual(['measured', 'large', 'turn[0].check', 'last', 'gate', 'behind']);
    expect(inState(planned, 'CACHED', 'SKIPPED')).toEqual([]);
    expect(reasonOf(planned, 'last')).toBe('decided when `turn` is done: it reads `steps.turn.outputs.last`');
  });

  it('nothing changed: nothing runs', async () => {
    const planned = await planThenRun();
    expect(runsIn(planned)).toEqual([]);
    expect(inState(planned, 'SKIPPED')).toEqual(['large']);
  });

  it('a param: what reads it, and what is made of that', async () => {
    const planned = await planThenRun(set({ value: 3 }));
    expect(runsIn(planned)).toEqual(['first', 'turn', 'turn[0].work']);
    expect(reasonOf(planned, 'behind')).toBe('decided when `gate` is done; then RUN: value: 51 -> 53');
    expect(reasonOf(planned, 'first')).toBe('value: 1 -> 3');
    expect(planned.get('measured')).toMatchObject({ state: 'PENDING', decidedBy: 'first' });
  });

  it('a param that turns an `if`', async () => {
    const planned = await planThenRun(set({ scale: 3 }));
    expect(reasonOf(planned, 'drawn')).toBe('scale: 2 -> 3');
    expect(reasonOf(planned, 'after')).toBe('previous: another folder of `drawn`');
    expect(planned.get('large')).toMatchObject({ state: 'PENDING', decidedBy: 'drawn' });
  });

  it('an `if` that is false by constants: it is skipped, and what reads it', async () => {
    const planned = await planThenRun(set({ deep: false }));
    expect(inState(planned, 'SKIPPED')).toEqual(['deep', 'deeper']);
    expect(reasonOf(planned, 'deeper')).toBe('`deep` is skipped: its `if` is false');
    await planThenRun(set({ deep: true }));
  });

  it('a file of an input folder', async () => {
    writeBeir(join(folder, 'beir'), 'a blue stone');
    const planned = await planThenRun();
    expect(reasonOf(planned, 'corpus')).toBe('folder: the file changed');
    expect(runsIn(planned)).toEqual(['corpus']);
  });

  it('an input file of other bytes; one of the same bytes under another name is cached', async () => {
    writeFileSync(join(folder, 'notes.txt'), 'two');
    expect(runsIn(await planThenRun())).toEqual(['drawn', 'after']);
    const renamed = now.text.replace('folder: beir', 'folder: copy');
    writeBeir(join(folder, 'copy'), 'a blue stone');
    expect(runsIn(await planThenRun({ text: renamed }))).toEqual([]);
  });

  it('the seed: what draws', async () => {
    const planned = await planThenRun({ seed: 2 });
    expect(runsIn(planned)).toEqual(['drawn', 'after']);
    expect(reasonOf(planned, 'drawn')).toMatch(/^seed: \d+ -> \d+$/);
    // A loop is keyed by the seed whether its body draws or not: its steps are found again.
    expect(planned.get('turn')).toMatchObject({ state: 'CACHED', reason: 'every step of its iterations is cached' });
  });

  it('the version of a kind', async () => {
    stepKinds['test.draw'] = { ...drawKind, version: 2 };
    const planned = await planThenRun();
    expect(reasonOf(planned, 'drawn')).toBe('version of test.draw: 1 -> 2');
  });

  it('an environment field', async () => {
    const planned = await planThenRun({ python: '3.12.0' });
    expect(reasonOf(planned, 'drawn')).toBe('python_version: "3.11.2" -> "3.12.0"');
    expect(runsIn(planned)).toEqual(['drawn', 'after']);
  });

  it('more iterations: the loop goes on; fewer: nothing is left; `until`: it ends there', async () => {
    const more = await planThenRun(set({ iterations: 4 }));
    expect(more.get('turn')).toMatchObject({ state: 'RESUME', click: 1, reason: 'goes on at iteration 2 of 4' });
    expect(more.get('turn[2].work')?.state).toBe('RUN');
    expect((await planThenRun(set({ iterations: 3 }))).get('turn')?.state).toBe('CACHED');
    await planThenRun(set({ iterations: 9 }));
    expect((await rig.look({ ...now, ...set({ iterations: 20 }) })).get('turn')).toMatchObject({
      state: 'CACHED',
      reason: '`until` held at iteration 6',
    });
  });

  it('a step that is renamed, and steps in another order: all cached', async () => {
    const renamed = now.text.replaceAll('steps.drawn.', 'steps.sampled.').replace('  drawn:', '  sampled:');
    expect(runsIn(await planThenRun({ text: renamed }))).toEqual([]);
    const [head = '', body = ''] = now.text.split('steps:\n  corpus');
    const lines = `  corpus${body}`.split('\n');
    const moved = [...lines.slice(1, 3), lines[0] ?? '', ...lines.slice(3)].join('\n');
    const planned = await planThenRun({ text: `${head}steps:\n${moved}` });
    expect([...planned.keys()].slice(0, 3)).toEqual(['sampled', 'first', 'corpus']);
    expect(inState(planned, 'CACHED')).toContain('sampled');
  });

  it('more steps of a kind that may grow: it goes on at its checkpoint', async () => {
    const planned = await planThenRun(set({ steps: 5 }));
    expect(planned.get('first')).toMatchObject({ state: 'RESUME', checkpointStep: 1 });
  });

  it('an artifact that was pruned, a result that is damaged', async () => {
    const { store } = bench.host;
    const before = await rig.look(now);
    const result = await readResult(store, before.get('behind')?.key ?? '');
    await store.remove(names.blob(result?.outputs['folder']?.tree ?? ''));
    await store.put(names.result(before.get('corpus')?.key ?? ''), '{"half":');
    const planned = await rig.look(now);
    expect(inState(planned, 'PRUNED', 'DAMAGED')).toContain('corpus');
    expect(planned.get('corpus')?.state).toBe('DAMAGED');
    expect(planned.get('behind')?.state).toBe('PRUNED');
    // Looking has changed nothing.
    expect((await rig.look(now)).get('corpus')?.state).toBe('DAMAGED');
    await planThenRun();
  });

  it('a step that another run works at: WAITING, until its claim is free', async () => {
    const edit = { ...now, ...set({ value: 77 }) };
    const key = (await rig.look(edit)).get('first')?.key ?? '';
    const owner = { key, holder: 'sft', run: 'other/one/run-1', attempt: '1' };
    await acquireClaim(bench.host.store, { ...owner, now: Date.now(), renewEveryMs: 60_000 });
    expect((await rig.look(edit)).get('first')).toMatchObject({
      state: 'WAITING',
      reason: '`sft` of other/one works at it',
    });
    await releaseClaim(bench.host.store, owner);
    expect((await planThenRun(edit)).get('first')?.state).toBe('RUN');
  });

  it('a gate that would fail: what waits for it does not start', async () => {
    now = { ...now, ...set({ value: 0.5 }) };
    await planOnce();
    const planned = await rig.look(now);
    expect(planned.get('gate')).toMatchObject({
      state: 'RUN',
      reason: expect.stringContaining('would fail') as string,
    });
    expect(planned.get('behind')).toMatchObject({ state: 'SKIPPED' });
    const outcome = await rig.run(now);
    compareWithRun(planned, outcome);
    expect(outcome.record.state).toBe('gate_failed');
  });

  it('names every step of the pipeline', async () => {
    expect([...(await rig.look({ ...now, text })).keys()].filter((path) => !path.includes('['))).toEqual(
      expect.arrayContaining(top.filter((name) => name !== 'params')),
    );
  });
});

/** The first run with a new value commits the metric that the gate reads. */
async function planOnce(): Promise<void> {
  compareWithRun(await rig.look(now), await rig.run(now));
}

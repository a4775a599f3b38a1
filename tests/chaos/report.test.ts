import { describe, expect, it } from 'vitest';
import type { RunLine } from '../../chaos/campaign.js';
import { differences } from '../../chaos/facts.js';
import { reportOf } from '../../chaos/report.js';

const run = (change: Partial<RunLine>): RunLine => ({
  ...{ code: 'c', run: 0, seconds: 80, resumes: 1, differences: [], orphans: [], problems: [], folder: null },
  ...{ compared: 300, points: 200, unseen: [] },
  kills: [
    {
      ...{ id: 'kill0', target: 'worker', at: { when: 'before', class: 'commit' }, where: 'before a commit of sft' },
      ...{ trigger: { key: 'k', delayMs: 1 }, killedAt: 1, pid: null },
    },
  ],
  costs: [{ kill: 'kill0', idleMs: 12_300, recomputedSteps: 4, recomputedMs: 900, beyond: null }],
  ...change,
});

describe('the report', () => {
  it('says what was killed, what it cost, and that everything held', () => {
    const { lines, holds } = reportOf([run({})], 1, 'again');
    expect(holds).toBe(true);
    expect(lines).toMatchInlineSnapshot(`
      [
        "kill -9 worker      1: before commit 1",
        "kill -9 trainer     0",
        "kill -9 temporal    0",
        "kill -9 mlflow      0",
        "",
        "runs                1, 80 s",
        "resumes             1 attempts after the first of a step",
        "recomputed          4 steps, 0.9 s; most after one kill 4 steps",
        "idle                12.3 s in all; a kill: median 12.3 s, nine of ten up to 12.3 s, most 12.3 s",
        "digests             equal: 300 facts a run compared with the undisturbed one",
        "points in MLflow    each of 200 exactly once",
        "orphans             0",
        "",
        "Everything held.",
      ]
    `);
  });

  it('does not judge how long nobody worked where the trace does not show it', () => {
    const costs = [{ kill: 'kill0', idleMs: 99_000, recomputedSteps: 0, recomputedMs: 0, beyond: null }];
    const { lines, holds } = reportOf([run({ costs, unseen: ['rl'] })], 1, 'again');
    expect(holds).toBe(true);
    expect(lines).toContain(
      'idle                not measured: steps of rl claim nothing between two clicks, so the trace does not show their work',
    );
  });

  it.each<[string, Partial<RunLine>, string]>([
    [
      'a digest differs',
      { differences: ['sft output model: a undisturbed, b here'] },
      'run 0: differs: sft output model',
    ],
    ['a point is there twice', { differences: ['MLflow sft.loss at 3: 1 undisturbed, 1 and 1 here'] }, 'sft.loss at 3'],
    ['something is left', { orphans: ['process 12 python'] }, 'run 0: left: process 12 python'],
    ['the run fails', { problems: ['run ended with 4'] }, 'run 0: problem: run ended with 4'],
    [
      'it was idle for long',
      { costs: [{ kill: 'kill0', idleMs: 15_100, recomputedSteps: 0, recomputedMs: 0, beyond: null }] },
      'kill0: idle for 15.1 s',
    ],
    [
      'too much was computed again',
      { costs: [{ kill: 'kill0', idleMs: 1, recomputedSteps: 40, recomputedMs: 0, beyond: 'sft: 40 steps of 20' }] },
      'kill0: more than one interval: sft: 40 steps of 20',
    ],
    ['kills are missing', { kills: [] }, 'only 0 of 1 kills could be carried out'],
  ])('says when %s, and how to repeat it', (_, change, text) => {
    const { lines, holds } = reportOf([run(change)], 1, 'npm run chaos -- --seed 3');
    expect(holds).toBe(false);
    expect(lines.join('\n')).toContain(text);
    expect(lines.at(-1)).toBe('Again: npm run chaos -- --seed 3');
  });

  it('compares facts by name: absent and other ones are differences', () => {
    expect(differences({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' })).toEqual([
      'b: 2 undisturbed, 9 here',
      'c: 3 undisturbed, absent here',
      'd: absent undisturbed, 4 here',
    ]);
  });
});

import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { pairedBootstrap } from '../../retrieval/bootstrap.js';
import { changeLines, qualityTable, timeTable } from '../../scripts/demo/summary.mjs';
import { longer, quickstart, tinyRun } from '../../scripts/demo/tiny.mjs';

const row = (query: string, mode: string, ndcg: number, reward: number | null = null) => ({
  query,
  mode,
  ndcg_at_10: ndcg,
  recall_at_100: 1,
  reward,
});

it('the table has a row a stage and mode, with intervals where the report has them', () => {
  const whole = { ndcg_at_10: 0.5, ndcg_at_10_low: 0.4, ndcg_at_10_high: 0.6, recall_at_100: 1 };
  const lines = qualityTable([
    { step: 'eval_base', modes: { bm25: whole, plain: { ndcg_at_10: 0.01, recall_at_100: null } }, queries: [] },
    { step: 'eval_sft', modes: { sampled: whole }, queries: [] },
  ]);
  expect(lines.map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'stage | mode | nDCG@10 [95 %] | Recall@100 [95 %]',
    expect.stringMatching(/^-+/),
    'untrained | no reasoning | 0.010 | -',
    'no model | BM25 | 0.500 [0.400, 0.600] | 1.000',
    'stage 1 (SFT) | sampled reasoning | 0.500 [0.400, 0.600] | 1.000',
  ]);
});

it('says plainly what became better, what worse, and where nothing can be said', () => {
  const side = (reward: number[], ndcg: number) => ({
    step: 'x',
    modes: {},
    queries: [
      ...reward.map((value, index) => row(`q${index}`, 'sampled', 0, value)),
      row('q', 'greedy', ndcg),
      row('q', 'plain', 0.5),
    ],
  });
  expect(changeLines(side([0.1, 0.1], 0.9), side([0.3, 0.3], 0.5), pairedBootstrap)).toEqual([
    'mean reward, sampled reasoning: +0.200 [+0.200, +0.200] better',
    'nDCG@10, greedy reasoning: -0.400 [-0.400, -0.400] worse',
    'nDCG@10, no reasoning: +0.000 [+0.000, +0.000] no clear change',
  ]);
});

it('a change is that of the queries which both sides have', () => {
  const before = { step: 'x', modes: {}, queries: [row('a', 'plain', 0.1)] };
  const after = { step: 'x', modes: {}, queries: [row('b', 'plain', 1), row('a', 'plain', 0.3)] };
  expect(changeLines(before, after, pairedBootstrap)).toEqual([
    'nDCG@10, no reasoning: +0.200 [+0.200, +0.200] better',
  ]);
});

it('the table of time aligns the seconds', () => {
  const steps = [
    { path: 'sft', state: 'done', seconds: 91.7 },
    { path: 'rl', state: 'cached', seconds: 3.21 },
  ];
  expect(timeTable(steps)).toEqual([
    'step  state   seconds',
    '----  ------  -------',
    'sft   done         92',
    'rl    cached      3.2',
  ]);
});

it('the longer run that it suggests has more iterations than the one before, and says so once', async () => {
  const byDefault = /iterations: \{ type: integer, default: (\d+)/.exec(await readFile(quickstart, 'utf8'));
  const iterationsOf = (run: readonly string[]): number[] =>
    run.flatMap((argument) => (argument.startsWith('iterations=') ? [Number(argument.split('=')[1])] : []));
  for (const [run, before] of [
    [[quickstart], Number(byDefault?.[1])],
    [tinyRun, iterationsOf(tinyRun)[0] ?? NaN],
  ] as const) {
    const [iterations, ...others] = iterationsOf(longer(run));
    expect(iterations).toBeGreaterThan(before);
    expect(others).toEqual([]);
  }
});

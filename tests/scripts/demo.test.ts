import { expect, it } from 'vitest';
import { interval, pairedInterval } from '../../scripts/demo/interval.mjs';
import { changeLines, qualityTable, timeTable } from '../../scripts/demo/summary.mjs';

const row = (query: string, mode: string, ndcg: number, reward: number | null = null) => ({
  query,
  mode,
  ndcg_at_10: ndcg,
  recall_at_100: 1,
  reward,
});

it('a bootstrap interval holds the mean, narrows with more queries and is the same every time', () => {
  const values = Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? 0 : 1));
  const few = interval(values.slice(0, 40));
  const many = interval(values);
  expect(many).toEqual(interval(values));
  expect(many?.mean).toBe(0.5);
  // The standard error of a coin over n queries is .5/sqrt(n); the interval is about ±1.96 of it.
  expect(many?.low).toBeCloseTo(0.451, 1);
  expect(many?.high).toBeCloseTo(0.549, 1);
  expect((few?.high ?? 0) - (few?.low ?? 0)).toBeGreaterThan(2 * ((many?.high ?? 0) - (many?.low ?? 0)));
  expect(interval([])).toBeNull();
});

it('a paired interval compares only queries that both sides have', () => {
  const before = new Map([['a', 0.1], ['b', 0.9]]); // prettier-ignore
  const after = new Map([['a', 0.2], ['b', 1.0], ['c', 0]]); // prettier-ignore
  const change = pairedInterval(before, after);
  expect(change?.mean).toBeCloseTo(0.1, 10);
  expect(change?.low).toBeCloseTo(0.1, 10);
});

it('the table has a row a stage and mode; samples of a query count as one query', () => {
  const lines = qualityTable([
    { step: 'eval_base', rows: [row('a', 'plain', 0), row('a', 'bm25', 0.5)] },
    { step: 'eval_sft', rows: [row('a', 'plain', 1), row('a', 'sampled', 0), row('a', 'sampled', 0.5)] },
  ]);
  expect(lines.map((line) => line.replaceAll(/ {2,}/g, ' | '))).toEqual([
    'stage | mode | nDCG@10 [95 %] | Recall@100 [95 %]',
    expect.stringMatching(/^-+/),
    'untrained | no reasoning | 0.000 [0.000, 0.000] | 1.000 [1.000, 1.000]',
    ' | BM25 | 0.500 [0.500, 0.500] | 1.000 [1.000, 1.000]'.trimStart().replace(/^\| /, ' | '),
    'stage 1 (SFT) | no reasoning | 1.000 [1.000, 1.000] | 1.000 [1.000, 1.000]',
    'stage 1 (SFT) | sampled reasoning | 0.250 [0.250, 0.250] | 1.000 [1.000, 1.000]',
  ]);
});

it('says plainly what became better, what worse, and where nothing can be said', () => {
  const side = (reward: number[], ndcg: number) => ({
    step: 'x',
    rows: [
      ...reward.map((value, index) => row(`q${index}`, 'sampled', 0, value)),
      row('q', 'greedy', ndcg),
      row('q', 'plain', 0.5),
    ],
  });
  expect(changeLines(side([0.1, 0.1], 0.9), side([0.3, 0.3], 0.5))).toEqual([
    'mean reward, sampled reasoning: +0.200 [+0.200, +0.200] better',
    'nDCG@10, greedy reasoning: -0.400 [-0.400, -0.400] worse',
    'nDCG@10, no reasoning: +0.000 [+0.000, +0.000] no clear change',
  ]);
});

it('the table of time aligns the seconds', () => {
  expect(timeTable([{ path: 'sft', state: 'done', seconds: 91.7 }, { path: 'rl', state: 'cached', seconds: 3.21 }])).toEqual([
    'step  state   seconds',
    '----  ------  -------',
    'sft   done         92',
    'rl    cached      3.2',
  ]); // prettier-ignore
});

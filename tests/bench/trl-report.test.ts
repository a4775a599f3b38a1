import { expect, it } from 'vitest';
import { quickstartSizes, requireSame } from '../../bench/beside-trl.js';
import { trlPage } from '../../bench/trl-report.js';

const first = { pawl: { loss: 5.7, gradNorm: 3.8 }, trl: { loss: 5.7, gradNorm: 3.803 } };

it('the page has the values of all rounds and the ratio of the medians', () => {
  const sft = { tokens: 4000, pawl: [9000, 10_000, 30_000], trl: [8000, 1000, 9000], first };
  const costs = { sizes: quickstartSizes, threads: 2, sft, grpo: { ...sft, tokens: 7168 } };
  const page = trlPage({ machine: '2 × a processor', commit: 'abc1234', date: '2026-01-01', costs });
  expect(page).toContain('| supervised, Pawl | 4000 | 10000 | 9000, 10000, 30000 | 1.25 | 5.70000 | 3.80000 |');
  expect(page).toContain('| GRPO, TRL | 7168 | 8000 | 8000, 1000, 9000 | 1 | 5.70000 | 3.80300 |');
});

it('speeds are not compared when the first batch is not the same', () => {
  requireSame('sft', first);
  const other = (trl: { loss: number; gradNorm: number }) => () => requireSame('sft', { ...first, trl });
  expect(other({ loss: 5.702, gradNorm: 3.8 })).toThrow('sft: on the same batch Pawl has loss 5.7, gradient norm 3.8');
  expect(other({ loss: 5.7, gradNorm: 3.81 })).toThrow('no comparison of speeds');
  expect(other({ loss: NaN, gradNorm: 3.8 })).toThrow('no comparison of speeds');
});

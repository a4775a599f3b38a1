import { expect, it } from 'vitest';
import { nearest, suggest } from '../../compiler/did-you-mean.js';

it('finds the nearest name, swapped letters included', () => {
  expect(nearest('stf', ['sft', 'rl', 'stem'])).toBe('sft');
  expect(nearest('iteration', ['iterations', 'iter'])).toBe('iterations');
});

it('finds nothing where nothing is near', () => {
  expect(nearest('corpus', ['sft', 'rl'])).toBeNull();
});

it('names what there is instead', () => {
  expect(suggest('corpus', ['rl', 'sft'])).toBe('there are `rl`, `sft`');
  expect(suggest('corpus', [])).toBeNull();
});

it('finds what one edit makes among thousands of names, soon', () => {
  const names = Array.from({ length: 4000 }, (_, index) => `step_${index}`);
  const before = process.cpuUsage();
  for (let index = 0; index < 1000; index++) expect(suggest(`stop_${index}x`, names)).toBeNull();
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(1);
  const misspelt = ['setp_3999', 'step_77x', 'tep_7', 'step7_7', 'strp_12', 'steps_and_more'];
  expect(misspelt.map((name) => nearest(name, names))).toEqual([
    'step_3999',
    'step_77',
    'step_7',
    'step_7',
    'step_12',
    null,
  ]);
  expect(nearest('ab', [...names, 'ba'])).toBe('ba');
});

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

import { expect, it } from 'vitest';
import { differencesBetween } from '../../planning/key-diff.js';
import type { Derivation } from '../../schemas/generated/records.js';

const before: Derivation = {
  kind: 'train.sft',
  version: 1,
  seed: 5,
  environment: { python_version: '3.12.1' },
  inputs: { lr: 0.001, model: { key: 'a', output: 'model' }, notes: { file: 'sha256:1' }, steps: 400 },
};

it('says in words what two derivations differ in, sorted', () => {
  const after: Derivation = {
    kind: 'train.sft',
    version: 2,
    seed: 6,
    environment: { python_version: '3.12.2' },
    inputs: {
      lr: 0.002,
      model: { key: 'b', output: 'model' },
      notes: { file: 'sha256:2' },
      steps: 400,
      state: { key: 'c', output: 'state' },
    },
  };
  expect(differencesBetween(before, after, new Map([['b', 'base']])).map(({ text }) => text)).toEqual([
    'version of train.sft: 1 -> 2',
    'seed: 5 -> 6',
    'python_version: "3.12.1" -> "3.12.2"',
    'lr: 0.001 -> 0.002',
    'model: another model of `base`',
    'notes: the file changed',
    'state: now given',
  ]);
});

it('finds nothing between equal derivations', () => {
  expect(differencesBetween(before, structuredClone(before), new Map())).toEqual([]);
});

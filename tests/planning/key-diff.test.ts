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

it('looks into maps: of a command, and of an input with keys of its own, only what differs is named', () => {
  const command = (inputs: object, run = 'python'): Derivation => ({
    ...before,
    kind: 'command',
    inputs: { inputs, run: [run] },
  });
  const one = command({
    lr: 0.1,
    steps: 40,
    data: { key: 'a', output: 'folder' },
    shape: { deep: { rows: 2, columns: 3 } },
    only: 1,
  });
  const other = command(
    {
      lr: 0.2,
      steps: 40,
      data: { key: 'b', output: 'folder' },
      shape: { deep: { rows: 4, columns: 3 } },
      new: { file: 'sha256:1' },
    },
    'sh',
  );
  expect(differencesBetween(one, other, new Map([['b', 'prepare']])).map(({ text }) => text)).toEqual([
    'inputs.data: another folder of `prepare`',
    'inputs.lr: 0.1 -> 0.2',
    'inputs.new: now given',
    'inputs.only: 1 -> none',
    'inputs.shape.deep.rows: 2 -> 4',
    'run: ["python"] -> ["sh"]',
  ]);
});

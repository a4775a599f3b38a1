import { describe, expect, it } from 'vitest';
import { deriveStep } from '../../schemas/derivation.js';
import type { PlanKind } from '../../schemas/generated/plan.js';

const kind: PlanKind = {
  version: 1,
  runs: 'trainer',
  seeded: true,
  checkpoints: true,
  inputs: {
    model: { artifact: 'model', required: true, checkpointKey: true },
    state: { artifact: 'trainer-state', required: false, checkpointKey: true },
    steps: { artifact: null, required: false, checkpointKey: false },
  },
  outputs: { model: 'model' },
  metrics: [],
  environment: ['python_version'],
};
const model = { $artifact: { key: 'k1', output: 'model', type: 'model' } };
const derive = (inputs: Record<string, unknown>, more: Partial<Parameters<typeof deriveStep>[0]> = {}) =>
  deriveStep({
    kindName: 'train.sft',
    kind,
    inputs,
    runSeed: 1,
    indices: [],
    environment: { python_version: '3.12', host: 'a' },
    ...more,
  });

describe('the derivation of a step', () => {
  it('names artifacts by how they were made, files by digest, and leaves out what is absent', () => {
    const file = { $file: { path: 'a', digest: 'sha256:1', bytes: 1, folder: false } };
    const { derivation } = derive({ model, state: null, steps: 3, file });
    expect(derivation.inputs).toEqual({ model: { key: 'k1', output: 'model' }, steps: 3, file: { file: 'sha256:1' } });
    expect(derivation.environment).toEqual({ python_version: '3.12' });
  });

  it('lets training longer keep its checkpoints but not its key', () => {
    const [short, long] = [derive({ model, steps: 3 }), derive({ model, steps: 9 })];
    expect(long.key).not.toBe(short.key);
    expect(long.checkpointKey).toBe(short.checkpointKey);
  });

  it('has a seed by iteration only where the kind is seeded', () => {
    expect(derive({ model }, { indices: [0] }).seed).not.toBe(derive({ model }, { indices: [1] }).seed);
    const unseeded = { ...kind, seeded: false };
    expect(derive({ model }, { kind: unseeded, indices: [0] })).toEqual(
      derive({ model }, { kind: unseeded, indices: [1] }),
    );
  });

  it('refuses to make a key without a declared environment field', () => {
    expect(() => derive({ model }, { environment: {} })).toThrow('python_version');
  });
});

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { derivationOf } from '../../activities/derivation.js';
import { deriveStep } from '../../schemas/derivation.js';
import type { Host } from '../../activities/host.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import { stepKey } from '../../schemas/identity.js';
import type { StepCall } from '../../activities/calls.js';
import { callOf, openBench, planKind, type Bench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench();
});
afterEach(() => bench.close());

const inputs = { source: 'python-stdlib', limit: 5, missing: null };
const keyedWith = (version: string): StepCall => {
  const step = { kindName: 'data.code-search', kind: planKind('data.code-search'), inputs, runSeed: 0, indices: [] };
  const { key } = deriveStep({ ...step, environment: { python_version: version } });
  return { ...callOf(bench, 'test.sleep', {}), uses: 'data.code-search', inputs, key };
};
const python = (version: string): Pick<Host, 'kinds' | 'environment'> => ({
  kinds: stepKinds,
  environment: () => Promise.resolve({ python_version: version }),
});

describe('the derivation of a call', () => {
  it('has the digest that the key is', async () => {
    const call = keyedWith('3.11.2');
    const derivation = await derivationOf(call, python('3.11.2'));
    expect(derivation).toMatchObject({
      environment: { python_version: '3.11.2' },
      inputs: { source: 'python-stdlib', limit: 5 },
    });
    expect(stepKey(derivation)).toBe(call.key);
  });

  it('cannot be had on a worker with another Python, which is named', async () => {
    await expect(derivationOf(keyedWith('3.11.2'), python('3.12.0'))).rejects.toMatchObject({
      failureClass: 'worker_outdated',
      message: expect.stringContaining('it has python_version 3.12.0') as string,
    });
  });
});

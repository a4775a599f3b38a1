import { expect, test } from 'vitest';
import type { Plan } from '../../schemas/generated/plan.js';
import { canonicalJson } from '../../schemas/canonical-json.js';
import { digestOf, planHash } from '../../schemas/identity.js';
import { putPlan, readPlan } from '../../store/plans.js';
import { names } from '../../store/store.js';
import { useBench } from './fixtures.js';

const bench = useBench();
const plan: Plan = {
  irVersion: 1,
  expressions: 'cel/1',
  name: 'demo',
  seed: 0,
  params: { lr: 0.5 },
  kinds: {},
  steps: {},
  outputs: {},
  metrics: {},
};

test('a plan is stored under its hash and read back', async () => {
  const { store } = bench();
  const hash = await putPlan(store, plan);
  expect(hash).toBe(planHash(plan));
  expect(await putPlan(store, plan)).toBe(hash);
  expect(await readPlan(store, hash)).toEqual(plan);
});

test('a plan from a newer version is refused as that', async () => {
  const { store } = bench();
  const body = canonicalJson({ ...plan, irVersion: 2, newer: true });
  await store.createIfAbsent(names.plan(digestOf(body)), body);
  await expect(readPlan(store, digestOf(body))).rejects.toMatchObject({
    failureClass: 'worker_outdated',
    message: expect.stringMatching(/a plan from a newer version of Pawl \(plan version 2.*Update Pawl/) as string,
  });
});

test('a plan that is not there, does not match its hash or is no plan is refused', async () => {
  const { store } = bench();
  const hash = planHash(plan);
  await expect(readPlan(store, hash)).rejects.toThrow(/has no plan sha256:/);
  await store.createIfAbsent(names.plan(hash), canonicalJson({ ...plan, seed: 1 }));
  await expect(readPlan(store, hash)).rejects.toMatchObject({ failureClass: 'artifact_damaged' });
  await store.createIfAbsent(names.plan(digestOf('{}')), '{}');
  await expect(readPlan(store, digestOf('{}'))).rejects.toThrow(/is no valid plan/);
});

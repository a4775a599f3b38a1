// Inputs that a plan does not have because it is older than they are.
import { expect, it } from 'vitest';
import { withDeclaredDefaults } from '../../activities/declared-defaults.js';
import { rewardRule } from '../../activities/kinds/reward-inputs.js';
import { stepKinds } from '../../schemas/generated/kinds.js';
import type { StepKind } from '../../schemas/generated/step-kind.js';

const kind = stepKinds['rl.reward'] as StepKind;

it('an input that is left out has the default of its declaration, and one that is given stays', () => {
  const inputs = withDeclaredDefaults(kind, { reward: 'ndcg', k: 3 });
  expect(inputs).toMatchObject({ reward: 'ndcg', k: 3, gain: 'binary' });
  expect(Object.keys(inputs)).not.toContain('index');
  expect(rewardRule(inputs, 100).gain).toBe('binary');
});

it('inputs that are all there are left as they are', () => {
  const all = withDeclaredDefaults(kind, {});
  expect(withDeclaredDefaults(kind, all)).toBe(all);
});

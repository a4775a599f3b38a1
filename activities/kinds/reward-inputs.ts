// The inputs of rl.reward as a rule, checked against the rollouts before anything is ranked.
import { faultOf, type RewardRule } from '../../retrieval/reward.js';
import type { KindInput } from '../kind.js';
import { StepFailure } from '../kind.js';
import { integerInput, numberInput, stringInput } from './inputs.js';

/** The rule; `longest` is how many new tokens a sample may have. Fails with class `config` where an input is out of their reach. */
export function rewardRule(inputs: Record<string, KindInput>, longest: number): RewardRule {
  const rule: RewardRule = {
    reward: stringInput(inputs, 'reward') as RewardRule['reward'],
    k: integerInput(inputs, 'k'),
    gain: stringInput(inputs, 'gain') as RewardRule['gain'],
    scale: stringInput(inputs, 'scale') as RewardRule['scale'],
    weights: {
      rank: numberInput(inputs, 'rank_weight'),
      format: numberInput(inputs, 'format_weight'),
      length: numberInput(inputs, 'length_weight'),
      overlong: numberInput(inputs, 'overlong_weight'),
      repetition: numberInput(inputs, 'repetition_weight'),
    },
    length: { low: integerInput(inputs, 'length_low'), high: integerInput(inputs, 'length_high') },
    overlong: integerInput(inputs, 'overlong_tokens'),
    malformed: inputs['malformed'] === null ? null : numberInput(inputs, 'malformed'),
  };
  const fault = faultOf(rule, longest);
  if (fault !== null) throw new StepFailure('config', fault);
  return rule;
}

// Reads what index.refresh is told, and says which inputs do not go together.
import type { RefreshPolicyName } from '../../retrieval/refresh/policies.js';
import type { RefreshOptions } from '../../retrieval/refresh/policy.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { noSamples, readRollouts, validSamples, type ValidSamples } from '../../retrieval/rollouts.js';
import type { KindContext, KindInput, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { readEncodingContract } from './encode.js';
import { booleanInput, integerInput, numberInput, optionalArtifact, stringInput } from './inputs.js';

type Inputs = Record<string, KindInput>;

/** The policy; config when the other inputs leave it nothing to go by. Pure. */
export function policyInput(inputs: Inputs): RefreshPolicyName {
  const policy = stringInput(inputs, 'policy') as RefreshPolicyName;
  if (policy === 'frozen' && booleanInput(inputs, 'fidelity')) {
    throw config(
      '`policy: frozen` serves the documents of their first encoder on purpose, so a full re-encode is not what it should be like; leave `fidelity` out, or use `policy: none` to measure what a stale index gets wrong.',
    );
  }
  checkCorrection(inputs, policy);
  if (policy !== 'adaptive' && stringInput(inputs, 'ranks') === 'estimated') {
    throw config(
      `\`ranks: estimated\` needs documents that are drawn with known probabilities; use \`policy: adaptive\`, or leave \`ranks\` out.`,
    );
  }
  if (policy === 'drift' && numberInput(inputs, 'probe') === 0) {
    throw config(
      '`policy: drift` learns from the probe how far rows have moved; set `probe` above 0, for example 0.2.',
    );
  }
  return policy;
}

function checkCorrection(inputs: Inputs, policy: RefreshPolicyName): void {
  const correct = stringInput(inputs, 'correct');
  if (correct === 'none') return;
  if (policy === 'none' || policy === 'frozen') {
    throw config(
      `\`correct: ${correct}\` learns from documents that are re-encoded how the others have moved, and \`policy: ${policy}\` re-encodes none; take another policy, or leave \`correct\` out.`,
    );
  }
  if (policy !== 'random' && numberInput(inputs, 'probe') === 0) {
    throw config(`\`correct: ${correct}\` is judged on the probe; set \`probe\` above 0, for example 0.2.`);
  }
}

/** What policies are told, in index.refresh. Pure. */
export const optionsInput = (inputs: Inputs): RefreshOptions => ({
  ...policyOptions(inputs),
  correct: stringInput(inputs, 'correct') as RefreshOptions['correct'],
});

/** The same but for the corrector, which index.replay has several of. Pure. */
export const policyOptions = (inputs: Inputs): Omit<RefreshOptions, 'correct'> => ({
  top: integerInput(inputs, 'top'),
  ring: integerInput(inputs, 'ring'),
  probe: numberInput(inputs, 'probe'),
  share: numberInput(inputs, 'share'),
  target: numberInput(inputs, 'target'),
  confidence: numberInput(inputs, 'confidence'),
  ranks: stringInput(inputs, 'ranks') as RefreshOptions['ranks'],
  lambda: numberInput(inputs, 'lambda'),
});

/** {fraction} or {docs}; config when it is neither. Pure. */
export function budgetInput(inputs: Inputs): { fraction: number } | { docs: number } {
  const budget = inputs['budget'];
  if (typeof budget === 'object' && budget !== null && !Array.isArray(budget)) {
    const { fraction, docs, ...rest } = budget as Record<string, unknown>;
    const isAlone = Object.keys(rest).length === 0;
    if (isAlone && typeof fraction === 'number' && docs === undefined && fraction > 0 && fraction <= 1)
      return { fraction };
    if (isAlone && typeof docs === 'number' && fraction === undefined && Number.isInteger(docs) && docs > 0)
      return { docs };
  }
  throw config(`\`budget\` is ${JSON.stringify(budget)}; write {fraction: 0.05} (above 0, at most 1) or {docs: 200}.`);
}

/** This iteration's samples, or none without rollouts; some policies and `fidelity` need them. */
export async function samplesInput(inputs: Inputs, { index, corpus }: LoadedIndex): Promise<ValidSamples> {
  const artifact = optionalArtifact(inputs, 'rollouts');
  if (artifact === null) {
    const needs = needsRollouts(inputs);
    if (needs === null) return noSamples;
    throw config(`\`${needs}\` looks at this iteration's rollouts; give index.refresh the input \`rollouts\`.`);
  }
  const rollouts = await readRollouts(artifact.path, corpus);
  if (rollouts.dimension !== index.dimension) {
    throw new StepFailure(
      'data',
      `The rollouts have ${rollouts.dimension} dimensions, the index ${index.dimension}; both must come from models of one shape.`,
    );
  }
  return validSamples(rollouts);
}

function needsRollouts(inputs: Inputs): string | null {
  const policy = stringInput(inputs, 'policy');
  if (['neighbourhood', 'mixture', 'adaptive'].includes(policy)) return `policy: ${policy}`;
  return booleanInput(inputs, 'fidelity') ? 'fidelity: true' : null;
}

/** Fails with class `data` when the model embeds in another dimension than the index holds, or a frozen index has mixed rows. */
export async function checkFit({ inputs }: KindContext, loaded: LoadedIndex, model: LocalArtifact): Promise<void> {
  const { dimension } = await readEncodingContract(model);
  if (dimension !== loaded.index.dimension) {
    throw new StepFailure(
      'data',
      `The model embeds in ${dimension} dimensions, the index holds ${loaded.index.dimension}; build a new index with index.build.`,
    );
  }
  if (stringInput(inputs, 'policy') !== 'frozen') return;
  const used = new Set(loaded.index.shards.flatMap((shard) => [...new Set(shard.encoders)]));
  if (used.size > 1) {
    throw new StepFailure(
      'data',
      `\`policy: frozen\` keeps the documents of one encoder, but the index holds rows of ${used.size}; give it an index from index.build.`,
    );
  }
}

const config = (message: string): StepFailure => new StepFailure('config', message);

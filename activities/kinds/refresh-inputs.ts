// Reads what index.refresh is told.
import type { RefreshOptions } from '../../retrieval/refresh/policy.js';
import { isObject } from '../../retrieval/jsonl.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { noSamples, readRollouts, validSamples, type ValidSamples } from '../../retrieval/rollouts.js';
import type { KindContext, KindInput, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { readEncodingContract } from './encode.js';
import { integerInput, numberInput, optionalArtifact, stringInput } from './inputs.js';

type Inputs = Record<string, KindInput>;

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
  const { fraction, docs } = isObject(budget) ? budget : {};
  if (typeof fraction === 'number' && fraction > 0 && fraction <= 1) return { fraction };
  if (typeof docs === 'number' && Number.isInteger(docs) && docs > 0) return { docs };
  throw new StepFailure(
    'config',
    `\`budget\` is ${JSON.stringify(budget)}; write {fraction: 0.05} (above 0, at most 1) or {docs: 200}.`,
  );
}

/** This iteration's samples, or none without rollouts. */
export async function samplesInput(inputs: Inputs, { index, corpus }: LoadedIndex): Promise<ValidSamples> {
  const artifact = optionalArtifact(inputs, 'rollouts');
  if (artifact === null) return noSamples;
  const rollouts = await readRollouts(artifact.path, corpus);
  if (rollouts.dimension !== index.dimension) {
    throw new StepFailure(
      'data',
      `The rollouts have ${rollouts.dimension} dimensions, the index ${index.dimension}; both must come from models of one shape.`,
    );
  }
  return validSamples(rollouts);
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

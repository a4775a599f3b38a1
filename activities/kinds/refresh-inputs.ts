// Reads what index.refresh is told.
import { duplicatesOf } from '../../retrieval/corpus.js';
import { freshnessOf, staleRows, type Freshness } from '../../retrieval/freshness.js';
import { budgetRows, type RefreshPolicyName } from '../../retrieval/refresh/policies.js';
import type { RefreshInput, RefreshOptions } from '../../retrieval/refresh/policy.js';
import { threadSearch } from '../../retrieval/refresh/thread-search.js';
import { isObject } from '../../retrieval/jsonl.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { noSamples, readRollouts, validSamples, type ValidSamples } from '../../retrieval/rollouts.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import type { KindContext, KindInput, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { readEncodingContract } from './encode.js';
import { artifactInput, integerInput, numberInput, optionalArtifact, stringInput } from './inputs.js';

type Inputs = Record<string, KindInput>;

/** What a refresh says its policy, but for how rows are encoded, and how fresh the index is. Fails where index, model and rollouts do not fit. */
export async function policyInput(
  context: KindContext,
  loaded: LoadedIndex,
): Promise<{ policy: RefreshPolicyName; freshness: Freshness; input: Omit<RefreshInput, 'encode'> }> {
  const { inputs } = context;
  const { index, manifest, corpus } = loaded;
  const model = artifactInput(inputs, 'model');
  await checkFit(context, loaded, model);
  const freshness = freshnessOf(index, manifest, model.identity);
  const input = {
    index,
    stale: staleRows(index, freshness),
    versionOf: freshness.versionOf,
    version: manifest.version + 1,
    budget: budgetRows(budgetInput(inputs), index.rows),
    samples: await samplesInput(inputs, loaded),
    duplicatesOf: (row: number) => duplicatesOf(corpus, row),
    options: optionsInput(inputs),
    seed: context.seed ?? 0,
    search: threadSearch(retrievalThreads()),
  };
  return { policy: stringInput(inputs, 'policy') as RefreshPolicyName, freshness, input };
}

/** What policies are told, in index.refresh. Pure. */
const optionsInput = (inputs: Inputs): RefreshOptions => ({
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

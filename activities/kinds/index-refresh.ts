// index.refresh: chooses documents by a policy, re-encodes them with the current model, measures the drift before the rows
// are written, and leaves the next version of the index; on request also what a full re-encode would have changed.
import { join } from 'node:path';
import { fidelityOf, type Fidelity } from '../../retrieval/fidelity.js';
import { driftOf, freshnessOf, lagOf, staleRows, type Freshness } from '../../retrieval/freshness.js';
import { duplicatesOf } from '../../retrieval/corpus.js';
import { indexCache } from '../../retrieval/index-cache.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { budgetRows, refreshPolicies, type RefreshPolicyName } from '../../retrieval/refresh/policies.js';
import type { RefreshChoice } from '../../retrieval/refresh/policy.js';
import { readRollouts, validSamples, type ValidSamples } from '../../retrieval/rollouts.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { gatherRows, indexFromVectors, overwriteRows } from '../../retrieval/vector-index.js';
import { writeRefreshedIndex } from '../../retrieval/write-index.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { StepFailure } from '../kind.js';
import { encode, readEncodingContract, readVectors } from './encode.js';
import { artifactInput, booleanInput, integerInput, numberInput, optionalArtifact, stringInput } from './inputs.js';
import { openParts, type Parts } from './parts.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const index = artifactInput(context.inputs, 'index');
  return indexCache().withIndex(index, async (loaded) => {
    const model = artifactInput(context.inputs, 'model');
    await checkDimension(loaded, model);
    const samples = await readSamples(context, loaded);
    const freshness = freshnessOf(loaded.index, loaded.manifest, model.identity);
    const choice = await choose(context, loaded, freshness, samples);
    context.progress(0, choice.rows.length, 'documents to re-encode');
    const parts = await openParts(context);
    const vectors = await encodeRows(context, parts, { model, index, rows: choice.rows });
    const drift = choice.rows.length === 0 ? 0 : driftOf(loaded.index, choice.rows, vectors, choice.probe);
    const rows = Uint32Array.from(choice.rows);
    const fidelity = await measureFidelity(context, parts, { model, index, loaded, samples, rows, vectors });
    const manifest = await writeRefreshedIndex({
      dir: await context.outputDir('index'),
      from: index.path,
      current: loaded,
      refreshed: { rows, vectors, model: model.identity },
      compactAbove: numberInput(context.inputs, 'compact'),
    });
    const lag = lagOf({ index: loaded.index, freshness, version: manifest.version, refreshed: new Set(choice.rows) });
    return {
      encoded: choice.rows.length,
      probe_documents: choice.probe.length,
      drift: stringInput(context.inputs, 'policy') === 'none' ? null : drift,
      lag_mean: lag.mean,
      never_refreshed: lag.neverRefreshed,
      fidelity_documents: fidelity === null ? 0 : loaded.index.rows,
      recall_at_10: fidelity?.recallAt10 ?? null,
      reward_gap: fidelity?.rewardGap ?? null,
      rank_shift: fidelity?.rankShift ?? null,
    };
  });
}

async function choose(
  context: KindContext,
  { index }: LoadedIndex,
  freshness: Freshness,
  samples: ValidSamples | null,
): Promise<RefreshChoice> {
  const { inputs } = context;
  const policy = refreshPolicies[stringInput(inputs, 'policy') as RefreshPolicyName];
  return policy({
    index,
    stale: staleRows(index, freshness),
    versionOf: freshness.versionOf,
    budget: budgetRows(budgetInput(context), index.rows),
    golds: samples?.golds ?? [],
    embeddings: samples?.embeddings ?? new Float32Array(0),
    top: integerInput(inputs, 'top'),
    ring: integerInput(inputs, 'ring'),
    probe: numberInput(inputs, 'probe'),
    seed: context.seed ?? 0,
    search: (input) => retrievalThreads().run('topRows', input),
  });
}

/** This iteration's samples, or null without rollouts; the policy `neighbourhood` and `fidelity` need them. */
async function readSamples({ inputs }: KindContext, { index, corpus }: LoadedIndex): Promise<ValidSamples | null> {
  const artifact = optionalArtifact(inputs, 'rollouts');
  if (artifact === null) {
    const needs =
      stringInput(inputs, 'policy') === 'neighbourhood'
        ? 'policy: neighbourhood'
        : booleanInput(inputs, 'fidelity')
          ? 'fidelity: true'
          : null;
    if (needs === null) return null;
    throw new StepFailure(
      'config',
      `\`${needs}\` looks at this iteration's rollouts; give index.refresh the input \`rollouts\`.`,
    );
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

async function checkDimension({ index }: LoadedIndex, model: LocalArtifact): Promise<void> {
  const { dimension } = await readEncodingContract(model);
  if (dimension === index.dimension) return;
  throw new StepFailure(
    'data',
    `The model embeds in ${dimension} dimensions, the index holds ${index.dimension}; build a new index with index.build.`,
  );
}

function budgetInput({ inputs }: KindContext): { fraction: number } | { documents: number } {
  const budget = inputs['budget'];
  if (typeof budget === 'object' && budget !== null && !Array.isArray(budget)) {
    const { fraction, documents, ...rest } = budget as Record<string, unknown>;
    const isAlone = Object.keys(rest).length === 0;
    if (isAlone && typeof fraction === 'number' && documents === undefined && fraction > 0 && fraction <= 1)
      return { fraction };
    if (
      isAlone &&
      typeof documents === 'number' &&
      fraction === undefined &&
      Number.isInteger(documents) &&
      documents > 0
    )
      return { documents };
  }
  throw new StepFailure(
    'config',
    `\`budget\` is ${JSON.stringify(budget)}; write {fraction: 0.05} (above 0, at most 1) or {documents: 200}.`,
  );
}

async function encodeRows(
  context: KindContext,
  parts: Parts,
  call: { model: LocalArtifact; index: LocalArtifact; rows: number[] },
): Promise<Float32Array> {
  if (call.rows.length === 0) return new Float32Array(0);
  const { file } = await encode(parts, {
    name: 'refreshed',
    model: call.model,
    texts: join(call.index.path, 'corpus.jsonl'),
    rows: call.rows,
    count: call.rows.length,
    role: 'document',
    batch: integerInput(context.inputs, 'batch'),
  });
  return readVectors(file);
}

/** The refreshed index beside a full re-encode; null when it is not asked for. */
async function measureFidelity(
  context: KindContext,
  parts: Parts,
  input: {
    model: LocalArtifact;
    index: LocalArtifact;
    loaded: LoadedIndex;
    samples: ValidSamples | null;
    rows: Uint32Array;
    vectors: Float32Array;
  },
): Promise<Fidelity | null> {
  if (!booleanInput(context.inputs, 'fidelity') || input.samples === null || input.samples.places.length === 0)
    return null;
  const { index, corpus } = input.loaded;
  context.progress(0, index.rows, 'documents to re-encode for fidelity');
  const { file } = await encode(parts, {
    name: 'full',
    model: input.model,
    texts: join(input.index.path, 'corpus.jsonl'),
    rows: null,
    count: index.rows,
    role: 'document',
    batch: integerInput(context.inputs, 'batch'),
  });
  const served = indexFromVectors(
    gatherRows(
      index,
      Array.from({ length: index.rows }, (_, row) => row),
    ),
    index.dimension,
  );
  overwriteRows(served, input.rows, input.vectors, 0);
  return fidelityOf({
    served,
    full: indexFromVectors(await readVectors(file), index.dimension),
    queries: input.samples.embeddings,
    positives: input.samples.positives,
    duplicatesOf: (row) => duplicatesOf(corpus, row),
    count: (task) => retrievalThreads().run('countNotBelow', task),
    search: (task) => retrievalThreads().run('topRows', task),
  });
}

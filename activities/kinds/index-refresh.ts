// index.refresh: chooses documents by a policy, re-encodes them with the current model, measures the drift before the rows
// are written, and leaves the next version of the index; on request also what a full re-encode would have changed.
import { join } from 'node:path';
import { driftOf, freshnessOf, lagOf, staleRows, type Freshness } from '../../retrieval/freshness.js';
import { duplicatesOf } from '../../retrieval/corpus.js';
import { indexCache } from '../../retrieval/index-cache.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import { budgetRows, type RefreshPolicyName } from '../../retrieval/refresh/policies.js';
import { runPolicy, type Refreshed } from '../../retrieval/refresh/run-policy.js';
import { threadSearch } from '../../retrieval/refresh/thread-search.js';
import type { ValidSamples } from '../../retrieval/rollouts.js';
import { retrievalThreads } from '../../retrieval/thread-pool.js';
import { writeRefreshedIndex } from '../../retrieval/write-index.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { encode, readVectors } from './encode.js';
import { artifactInput, integerInput, numberInput, stringInput } from './inputs.js';
import { openParts, type Parts } from './parts.js';
import { measureFidelity } from './refresh-fidelity.js';
import { budgetInput, checkFit, optionsInput, samplesInput } from './refresh-inputs.js';
import { correctionMetrics, estimateMetrics, servedBeside } from './refresh-beside.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const policy = stringInput(context.inputs, 'policy') as RefreshPolicyName;
  const index = artifactInput(context.inputs, 'index');
  return indexCache().withIndex(index, async (loaded) => {
    const model = artifactInput(context.inputs, 'model');
    await checkFit(context, loaded, model);
    const samples = await samplesInput(context.inputs, loaded);
    const freshness = freshnessOf(loaded.index, loaded.manifest, model.identity);
    const parts = await openParts(context);
    const refreshed = await refresh(context, parts, { model, loaded, freshness, samples });
    const { rows, vectors, probe } = refreshed;
    const drift = rows.length === 0 ? 0 : driftOf(loaded.index, rows, vectors, probe);
    const fidelity = await measureFidelity(context, parts, { loaded, samples, refreshed, search });
    const manifest = await writeRefreshedIndex({
      dir: await context.outputDir('index'),
      from: index.path,
      current: loaded,
      refreshed: { rows: Uint32Array.from(rows), vectors, model: model.identity },
      compactAbove: numberInput(context.inputs, 'compact'),
      beside: servedBeside(context.inputs, refreshed),
    });
    const lag = lagOf({ index: loaded.index, freshness, version: manifest.version, refreshed: new Set(rows) });
    return {
      encoded: rows.length,
      probe_documents: probe.length,
      drift: policy === 'none' || policy === 'frozen' ? null : drift,
      lag_mean: lag.mean,
      never_refreshed: lag.neverRefreshed,
      ...fidelity,
      ...estimateMetrics(refreshed),
      ...correctionMetrics(refreshed, staleRows(loaded.index, freshness).length - rows.length),
    };
  });
}

/** Runs the policy; each of its encodings is a part of the step. */
function refresh(
  context: KindContext,
  parts: Parts,
  call: { model: LocalArtifact; loaded: LoadedIndex; freshness: Freshness; samples: ValidSamples },
): Promise<Refreshed> {
  const { inputs } = context;
  const { index, manifest, corpus } = call.loaded;
  let encodings = 0;
  return runPolicy(stringInput(inputs, 'policy') as RefreshPolicyName, {
    index,
    stale: staleRows(index, call.freshness),
    versionOf: call.freshness.versionOf,
    version: manifest.version + 1,
    budget: budgetRows(budgetInput(inputs), index.rows),
    samples: call.samples,
    duplicatesOf: (row) => duplicatesOf(corpus, row),
    options: optionsInput(inputs),
    seed: context.seed ?? 0,
    search,
    encode: (rows) => {
      const name = encodings === 0 ? 'refreshed' : `refreshed-${encodings}`;
      encodings++;
      return encodeRows(context, parts, { model: call.model, name, rows });
    },
  });
}

const search = threadSearch(retrievalThreads());

async function encodeRows(
  context: KindContext,
  parts: Parts,
  call: { model: LocalArtifact; name: string; rows: readonly number[] },
): Promise<Float32Array> {
  context.progress(0, call.rows.length, 'documents to re-encode');
  const { file } = await encode(parts, {
    name: call.name,
    model: call.model,
    texts: join(artifactInput(context.inputs, 'index').path, 'corpus.jsonl'),
    rows: call.rows,
    count: call.rows.length,
    role: 'document',
    batch: integerInput(context.inputs, 'batch'),
  });
  return readVectors(file);
}

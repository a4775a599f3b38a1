// What index.refresh measures on request: the refreshed index, and the one before, beside a full re-encode.
import { join } from 'node:path';
import { duplicatesOf } from '../../retrieval/corpus.js';
import { fidelityOf, type Fidelity } from '../../retrieval/fidelity.js';
import { normalisedAgreement } from '../../retrieval/order-fidelity.js';
import type { LoadedIndex } from '../../retrieval/read-index.js';
import type { RefreshSearch } from '../../retrieval/refresh/policy.js';
import type { Refreshed } from '../../retrieval/refresh/run-policy.js';
import type { ValidSamples } from '../../retrieval/rollouts.js';
import {
  encoderOf,
  gatherRows,
  indexFromVectors,
  maxShardBytes,
  overwriteRows,
  type VectorIndex,
} from '../../retrieval/vector-index.js';
import type { KindContext } from '../kind.js';
import { encode, readVectors } from './encode.js';
import { artifactInput, booleanInput, integerInput } from './inputs.js';
import type { Parts } from './parts.js';

/** The metrics of `fidelity: true`; all null when it is not asked for, or no sample has an embedding. */
export async function measureFidelity(
  context: KindContext,
  parts: Parts,
  input: { loaded: LoadedIndex; samples: ValidSamples; refreshed: Refreshed; search: RefreshSearch },
): Promise<Record<string, number | null>> {
  if (!booleanInput(context.inputs, 'fidelity') || input.samples.places.length === 0) return metricsOf(0, null, null);
  const { index, corpus } = input.loaded;
  const full = await encodeAll(context, parts, index);
  const common = {
    full,
    samples: input.samples,
    duplicatesOf: (row: number) => duplicatesOf(corpus, row),
    search: input.search,
  };
  const served = refreshedIndex(index, input.refreshed);
  const { estimate } = input.refreshed;
  const after = await fidelityOf({ ...common, served, ...(estimate == null ? {} : { ranks: estimate.used }) });
  return metricsOf(index.rows, after, await fidelityOf({ ...common, served: index }));
}

/** The index in memory as it is served after the refresh. */
function refreshedIndex(index: VectorIndex, { rows, vectors, corrected }: Refreshed): VectorIndex {
  const everyRow = [...Array(index.rows).keys()];
  const served = indexFromVectors(gatherRows(index, everyRow), index.dimension, maxShardBytes, index.type);
  for (const { first, encoders } of served.shards)
    encoders.forEach((_, i) => (encoders[i] = encoderOf(index, first + i)));
  const correction = corrected?.correction;
  // An encoder that the correction does not know: its rows stay as they are.
  overwriteRows(served, rows, vectors, correction?.strengths.length ?? 0);
  return correction == null ? served : { ...served, correction };
}

async function encodeAll(
  context: KindContext,
  parts: Parts,
  { rows, dimension, type }: VectorIndex,
): Promise<VectorIndex> {
  context.progress(0, rows, 'documents to re-encode for fidelity');
  const { file } = await encode(parts, {
    name: 'full',
    model: artifactInput(context.inputs, 'model'),
    texts: join(artifactInput(context.inputs, 'index').path, 'corpus.jsonl'),
    rows: null,
    count: rows,
    role: 'document',
    batch: integerInput(context.inputs, 'batch'),
  });
  return indexFromVectors(await readVectors(file), dimension, maxShardBytes, type);
}

function metricsOf(documents: number, after: Fidelity | null, before: Fidelity | null): Record<string, number | null> {
  const { recallAt10, rewardGap, rankShift, spearman, advantageCosine, pairAgreement, drift } = after ?? unknown;
  const unrefreshed = (before ?? unknown).pairAgreement;
  return {
    fidelity_documents: documents,
    recall_at_10: recallAt10,
    reward_gap: rewardGap,
    rank_shift: rankShift,
    spearman,
    advantage_cosine: advantageCosine,
    pair_agreement: pairAgreement,
    pair_agreement_before: unrefreshed,
    pair_agreement_gain: normalisedAgreement(pairAgreement, unrefreshed),
    drift_full: drift,
  };
}

const unknown = {
  recallAt10: null,
  rewardGap: null,
  rankShift: null,
  spearman: null,
  advantageCosine: null,
  pairAgreement: null,
  drift: null,
};

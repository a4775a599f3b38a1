// index.refresh: chooses documents by a policy, re-encodes them with the current model, measures the drift before the rows
// are written, and leaves the next version of the index; on request also what a full re-encode would have changed.
import { join } from 'node:path';
import { driftOf, lagOf } from '../../retrieval/freshness.js';
import { indexCache } from '../../retrieval/index-cache.js';
import type { EncodeRows } from '../../retrieval/refresh/policy.js';
import { runPolicy } from '../../retrieval/refresh/run-policy.js';
import { writeRefreshedIndex } from '../../retrieval/write-index.js';
import type { KindContext, LocalArtifact } from '../kind.js';
import { encode, joinVectors, readEncodingContract, readVectors } from './encode.js';
import { artifactInput, integerInput, numberInput } from './inputs.js';
import { openParts, type Parts } from './parts.js';
import { measureFidelity } from './refresh-fidelity.js';
import { policyInput } from './refresh-inputs.js';
import { correctionMetrics, estimateMetrics, servedBeside } from './refresh-beside.js';
import { coveringFiles, readShards } from './shard-files.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const index = artifactInput(context.inputs, 'index');
  return indexCache().withIndex(index, async (loaded) => {
    const model = artifactInput(context.inputs, 'model');
    const { policy, freshness, input } = await policyInput(context, loaded);
    const parts = await openParts(context);
    const refreshed = await runPolicy(policy, { ...input, encode: encoderOf(context, parts, model) });
    const { rows, vectors, probe } = refreshed;
    const drift = rows.length === 0 ? 0 : driftOf(loaded.index, rows, vectors, probe);
    const { samples, search } = input;
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
      ...correctionMetrics(refreshed, input.stale.length - rows.length),
    };
  });
}

/** Encodes what the policy asks for, each time as a part of the step, or takes it from its shards. */
function encoderOf(context: KindContext, parts: Parts, model: LocalArtifact): EncodeRows {
  let encodings = 0;
  return (rows) => {
    const name = encodings === 0 ? 'refreshed' : `refreshed-${encodings}`;
    encodings++;
    return encodeRows(context, parts, { model, name, rows });
  };
}

async function encodeRows(
  context: KindContext,
  parts: Parts,
  call: { model: LocalArtifact; name: string; rows: readonly number[] },
): Promise<Float32Array> {
  const { name, model, rows } = call;
  const count = rows.length;
  if (context.shards !== null) {
    const { dimension } = await readEncodingContract(model);
    const files = coveringFiles(await readShards(context.shards, { list: rows }), { first: 0, rows: count });
    return readVectors(await joinVectors(parts, { name, rows, count, files, dimension }));
  }
  context.progress(0, count, 'documents to re-encode');
  const texts = join(artifactInput(context.inputs, 'index').path, 'corpus.jsonl');
  const batch = integerInput(context.inputs, 'batch');
  return readVectors((await encode(parts, { name, model, texts, rows, count, role: 'document', batch })).file);
}

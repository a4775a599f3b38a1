// index.record: encodes the whole corpus with this iteration's policy and adds it, with the iteration's rollouts, to a trajectory, along
// which index.replay then runs refresh policies.
import { join } from 'node:path';
import { readCorpus } from '../../retrieval/corpus.js';
import { writeTrajectory } from '../../retrieval/trajectory.js';
import type { KindContext } from '../kind.js';
import { encode, readEncodingContract } from './encode.js';
import { artifactInput, integerInput, optionalArtifact } from './inputs.js';
import { openParts } from './parts.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const model = artifactInput(context.inputs, 'model');
  const corpus = join(artifactInput(context.inputs, 'data').path, 'corpus.jsonl');
  const { dimension } = await readEncodingContract(model);
  const { length: rows } = (await readCorpus(corpus)).ids;
  context.progress(0, rows, 'documents to encode');
  const start = performance.now();
  const { file } = await encode(await openParts(context), {
    ...{ name: 'documents', model, texts: corpus, rows: null, count: rows, role: 'document' },
    batch: integerInput(context.inputs, 'batch'),
  });
  const seconds = (performance.now() - start) / 1000;
  const manifest = await writeTrajectory(
    await context.outputDir('trajectory'),
    optionalArtifact(context.inputs, 'trajectory')?.path ?? null,
    {
      ...{ model: model.identity, rows, dimension, corpus, vectors: file },
      rollouts: artifactInput(context.inputs, 'rollouts').path,
    },
  );
  return {
    iterations: manifest.iterations.length,
    documents_per_second: context.resume === null ? rows / seconds : 0,
  };
}

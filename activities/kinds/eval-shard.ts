// eval.shard: what one of several activities does for eval.retrieval: encodes its stretches of the corpora of all data sets.
import { countDocuments } from '../../retrieval/corpus.js';
import type { KindContext } from '../kind.js';
import { evaluationLayout } from './corpus-layout.js';
import { encodeShare } from './encode-share.js';
import { namedArtifacts, shareInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const share = shareInput(context.inputs);
  const corpora = [];
  for (const { name, artifact } of namedArtifacts(context.inputs, 'data'))
    corpora.push({ name, layout: await evaluationLayout(context, artifact, countDocuments) });
  return { rows: await encodeShare(context, share, corpora) };
}

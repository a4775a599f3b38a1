// index.shard: what one of several activities does for index.build: encodes its stretches of the corpus.
import { countDocuments } from '../../retrieval/corpus.js';
import type { KindContext } from '../kind.js';
import { corpusLayout } from './corpus-layout.js';
import { encodeShare } from './encode-share.js';
import { shareInput } from './inputs.js';

export async function run(context: KindContext): Promise<Record<string, number | null>> {
  const share = shareInput(context.inputs);
  const layout = await corpusLayout(context, countDocuments);
  return { rows: await encodeShare(context, share, [{ name: null, layout }]) };
}
